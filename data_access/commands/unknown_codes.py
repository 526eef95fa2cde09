"""What a person does with codes of a file that the store does not know: create their products, map them to SKUs, create locations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.imports import IMPORT
from data_access.errors import InvalidInput, Refused
from data_access.imports.create_master_data import add_codes, prepare_places, release_keys
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.orders import MAX_TEXT
from data_access.imports.retry_quarantined import retry_waiting
from data_access.schema.catalog import location
from data_access.write.kernel import work
from data_access.write.lookups import forget
from data_access.write.unit_of_work import UnitOfWork

CODES_PER_TRANSACTION: Final = 1_000
_IDS: Final = 20_000


@dataclass(frozen=True, slots=True)
class CodeChoice:
    """The SKU that a code is to be. `is_new`: its product is created, by the title if there is one; else it is one that the store has."""

    code: str
    sku: str
    title: str | None = None
    is_new: bool = False


def settle_codes(engine: Engine, choices: Sequence[CodeChoice], channel_id: str | None, actor: str, mapping: Mapping | None = None) -> int:
    """Create the products of codes or map codes to SKUs, all or none of each thousand; how many. What waited for them arrives.

    Args:
        engine: the store.
        choices: for each code its SKU.
        channel_id: the channel whose listings the codes are; None: the codes are SKUs themselves, whose products are created.
        actor: who decided.
        mapping: that the file is read by: makes its channel and location if the store lacks them.

    Raises:
        Forbidden: the actor may not import files.
        Refused: a SKU is empty or too long, or one that should be there is not; by the place of each choice.
        InvalidInput: there is no such channel.

    """
    too_long = {place: {"sku": f"Give {one.code} a SKU, of at most {MAX_TEXT} characters."} for place, one in enumerate(choices)}
    refusals = {place: too_long[place] for place, one in enumerate(choices) if not one.sku.strip() or len(one.sku) > MAX_TEXT}
    if refusals:
        raise Refused(refusals)

    def check(unit: UnitOfWork) -> bool:
        forget()
        unit.lookups.load(unit.connection, [one.sku for one in choices], ())
        missing = {
            place: {"sku": f"There is no SKU {one.sku}: create the product of {one.code}, or map it to another."}
            for place, one in enumerate(choices)
            if not one.is_new and unit.lookups.kit_version(one.sku) is None
        }
        if missing:
            raise Refused(missing)
        return channel_id is None or unit.lookups.has_channel(channel_id)

    is_there = work(engine, actor, IMPORT, check)
    if not is_there:
        if mapping is None or mapping.channel.id != channel_id:
            raise InvalidInput(f"There is no channel {channel_id!r}: import channels first.")
        prepare_places(engine, mapping)
    for start in range(0, len(choices), CODES_PER_TRANSACTION):
        _write(engine, choices[start : start + CODES_PER_TRANSACTION], channel_id, actor)
    retry_waiting(engine)
    return len(choices)


def _write(engine: Engine, choices: Sequence[CodeChoice], channel_id: str | None, actor: str) -> None:
    rows = pl.DataFrame(
        [(one.code, one.sku.strip(), one.title, one.title) for one in choices],
        schema={"external_sku": pl.String, "sku": pl.String, "title": pl.String, "name": pl.String},
        orient="row",
    )

    def edit(unit: UnitOfWork) -> None:
        for one in choices:
            thing = ("product", one.sku) if channel_id is None else ("listing", f"{channel_id}:{one.code}")
            unit.audit("create_product" if one.is_new else "map_listing", thing, None, {"sku": one.sku}, "on the Import page")
        release_keys(unit, add_codes(unit, rows, channel_id))

    work(engine, actor, IMPORT, edit, rows=_IDS, parents=None)


def create_locations(engine: Engine, location_ids: Sequence[str], actor: str) -> int:
    """Create warehouses that are named by their ids, where the store lacks them; how many. What waited for them arrives.

    They lie in the time zone of the store's locations, where all have the same; else their times are UTC.

    Raises:
        Forbidden: the actor may not import files.

    """

    def edit(unit: UnitOfWork) -> int:
        forget()
        new = [one for one in dict.fromkeys(location_ids) if not unit.lookups.has_location(one)]
        zones = unit.connection.execute(sa.select(location.c.time_zone).distinct()).scalars().all()
        zone = zones[0] if len(zones) == 1 else "UTC"
        for one in new:
            row = {"location_id": one, "name": one, "kind": "warehouse", "time_zone": zone}
            unit.connection.execute(sa.insert(location), row)
            unit.audit("add_location", ("location", one), None, row, "on the Import page")
            unit.touch("catalog", "location", one)
        unit.flush()
        release_keys(unit, [f"location:{one}" for one in new])
        return len(new)

    count = work(engine, actor, IMPORT, edit, rows=_IDS, parents=None)
    retry_waiting(engine)
    return count
