"""What writers must know of the catalogue: listings, kits, places. Kept in memory until the catalogue's version moves."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.prepared import Prepared
from data_access.schema.audit import store_version
from data_access.schema.catalog import kit_component, listing, location, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.purchasing import supplier
from data_access.store_file import StoreIdentity, store_of

_WATCHED: Final[Any] = sa.literal_column("('catalog', 'channels', 'purchasing')")
_VERSIONS: Final = Prepared(
    sa.select(store_version.c.version).where(store_version.c.topic.op("IN")(_WATCHED)).order_by(store_version.c.topic)
)
IN_CHUNK: Final = 5_000
T = TypeVar("T")


def in_chunks(values: Sequence[T], size: int = IN_CHUNK) -> Iterable[Sequence[T]]:
    """Slices that fit into one IN list on both databases."""
    return (values[start : start + size] for start in range(0, len(values), size))


class Lookups:
    """Small tables whole; products and listings as they are asked for. Not for threads to share: one a unit of work."""

    def __init__(self, connection: Connection) -> None:
        self._products: dict[str, int | None] = {}
        self._listings: dict[tuple[str, str], tuple[bool, str | None]] = {}
        self._suppliers = set(connection.execute(sa.select(supplier.c.supplier_id)).scalars())
        self._channels = set(connection.execute(sa.select(channel.c.channel_id)).scalars())
        self._locations = set(connection.execute(sa.select(location.c.location_id)).scalars())
        self._serving: dict[str, list[str]] = {}
        order = (channel_location.c.channel_id, channel_location.c.priority, channel_location.c.location_id)
        for row in connection.execute(sa.select(channel_location).order_by(*order)):
            self._serving.setdefault(row.channel_id, []).append(row.location_id)
        self._kits: dict[tuple[str, int], tuple[tuple[str, int], ...]] = {}
        self._kits_of: dict[str, set[str]] = {}
        self._group: dict[str, frozenset[str]] = {}
        for row in connection.execute(sa.select(kit_component).order_by(kit_component.c.component_sku)):
            kit = (row.kit_sku, row.kit_version)
            self._kits[kit] = (*self._kits.get(kit, ()), (row.component_sku, row.quantity))
            self._kits_of.setdefault(row.component_sku, set()).add(row.kit_sku)
        for parts in self._kits.values():
            joined = frozenset().union(*(self._group.get(part, frozenset((part,))) for part, _ in parts))
            for member in joined:
                self._group[member] = joined

    def load(self, connection: Connection, skus: Iterable[str], listings: Iterable[tuple[str, str]]) -> None:
        """Look up products and listings (channel, external SKU) that are not known yet."""
        missing = [sku for sku in set(skus) if sku not in self._products]
        for part in in_chunks(missing):
            known = connection.execute(sa.select(product.c.sku, product.c.kit_version).where(product.c.sku.in_(part)))
            self._products.update(dict.fromkeys(part))
            self._products.update({row.sku: row.kit_version for row in known})
        by_channel: dict[str, list[str]] = {}
        for channel_id, external_sku in set(listings):
            if (channel_id, external_sku) not in self._listings:
                by_channel.setdefault(channel_id, []).append(external_sku)
        for channel_id, codes in by_channel.items():
            for codes_part in in_chunks(codes):
                query = (
                    sa.select(listing.c.external_sku, listing.c.sku, product.c.kit_version)
                    .join(product, product.c.sku == listing.c.sku, isouter=True)
                    .where(listing.c.channel_id == channel_id, listing.c.external_sku.in_(codes_part))
                )
                self._listings.update({(channel_id, code): (False, None) for code in codes_part})
                for row in connection.execute(query):
                    self._listings[(channel_id, row.external_sku)] = (True, row.sku)
                    if row.sku is not None:
                        self._products[row.sku] = row.kit_version

    def kit_version(self, sku: str) -> int | None:
        """0 for a stocked SKU, the current version for a kit, None if there is no such SKU. `load` it first."""
        return self._products.get(sku)

    def listed(self, channel_id: str, external_sku: str) -> tuple[bool, str | None]:
        """Whether the listing is known, and the SKU it is mapped to, if any. `load` it first."""
        return self._listings.get((channel_id, external_sku), (False, None))

    def seen(self, channel_id: str, external_sku: str) -> None:
        """A listing that this unit of work adds, without a SKU."""
        self._listings[(channel_id, external_sku)] = (True, None)

    def components(self, sku: str, kit_version: int) -> tuple[tuple[str, int], ...]:
        """(SKU, units) that one unit of a SKU is made of: itself, or the kit's components."""
        return self._kits[(sku, kit_version)] if kit_version else ((sku, 1),)

    def kits_with(self, sku: str) -> list[str]:
        """Kits of which any version holds the SKU."""
        return sorted(self._kits_of.get(sku, ()))

    def together(self, skus: Iterable[str]) -> list[str]:
        """The SKUs and all that kits tie to them: what a change of one may touch. Sorted, so that locks are taken in order."""
        return sorted(frozenset().union(*(self._group.get(sku, frozenset((sku,))) for sku in skus)))

    def serving(self, channel_id: str) -> Sequence[str]:
        """Locations that serve a channel, by priority."""
        return self._serving.get(channel_id, ())

    def has_channel(self, channel_id: str) -> bool:
        """Whether there is such a channel."""
        return channel_id in self._channels

    def has_location(self, location_id: str) -> bool:
        """Whether there is such a location."""
        return location_id in self._locations

    def has_supplier(self, supplier_id: str) -> bool:
        """Whether there is such a supplier."""
        return supplier_id in self._suppliers


class _Kept(threading.local):
    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.store: StoreIdentity | None = None
        self.versions: list[int] = []
        self.lookups: Lookups | None = None


_kept = _Kept()


def current(connection: Connection) -> Lookups:
    """The catalogue as the connection sees it: this thread's copy, read again when a version moved."""
    versions, store = [row.version for row in _VERSIONS.all(connection)], store_of(connection)
    is_known = _kept.engine is connection.engine and _kept.store == store and _kept.versions == versions
    if _kept.lookups is None or not is_known:
        _kept.lookups = Lookups(connection)
        _kept.engine, _kept.store, _kept.versions = connection.engine, store, versions
    return _kept.lookups


def forget() -> None:
    """Drop this thread's copy: after a transaction that changed the catalogue, or failed after it had added to the copy."""
    _kept.lookups = None
