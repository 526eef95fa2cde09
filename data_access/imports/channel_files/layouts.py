"""The exports of products and stock that channels write, known by their headers. `docs/importing.md` says what is assumed of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from data_access.errors import InvalidInput
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import headers_of

Kind = Literal["products", "counts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way in which a channel writes an export.

    `columns`: by our name, what the file may call the column; the first that is there counts. `needed`: our names of those that must be
    there. `lacks`: a column by which another layout is known. `has_places`: further columns are locations, with the units there.
    """

    name: str
    kind: Kind
    columns: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    has_places: bool = False

    def missing(self, header: Sequence[str]) -> list[str]:
        """What the header lacks of the layout, or has of another, as files call it."""
        missing = [self.columns[name][0] for name in self.needed if not set(self.columns[name]) & set(header)]
        if not missing and self.has_places and not self.places(header):
            missing.append("a column for each location")
        return [*missing, *(f"no column {column}" for column in self.lacks if column in header)]

    def there(self, header: Sequence[str]) -> dict[str, str]:
        """By our name, the columns that the header has."""
        names = {ours: next((theirs for theirs in names if theirs in header), None) for ours, names in self.columns.items()}
        return {ours: theirs for ours, theirs in names.items() if theirs is not None}

    def places(self, header: Sequence[str]) -> tuple[str, ...]:
        """The columns that are locations."""
        known = {theirs for names in self.columns.values() for theirs in names}
        return tuple(name for name in header if name and name not in known) if self.has_places else ()


def _options(word: str) -> dict[str, tuple[str, ...]]:
    return {f"option{number}": (f"Option{number} {word}",) for number in (1, 2, 3)}


_INVENTORY: Final = {
    "handle": ("Handle",),
    "title": ("Title",),
    **_options("Value"),
    "option1_name": ("Option1 Name",),
    "option2_name": ("Option2 Name",),
    "option3_name": ("Option3 Name",),
    "sku": ("SKU",),
    "hs_code": ("HS Code",),
    "origin": ("COO",),
    "bin": ("Bin name",),
}
LAYOUTS: Final = (
    Layout(
        name="shopify-products",
        kind="products",
        columns={
            "handle": ("Handle",),
            "title": ("Title",),
            "sku": ("Variant SKU",),
            **_options("Value"),
            "type": ("Type",),
            "category": ("Product Category",),
            "price": ("Variant Price",),
            "tracker": ("Variant Inventory Tracker",),
            "quantity": ("Variant Inventory Qty",),
        },
        needed=("handle", "title", "sku"),
    ),
    Layout(
        name="shopify-products",
        kind="products",
        columns={
            "handle": ("URL handle",),
            "title": ("Title",),
            "sku": ("SKU",),
            **_options("value"),
            "type": ("Type",),
            "category": ("Product category",),
            "price": ("Price",),
            "tracker": ("Inventory tracker",),
            "quantity": ("Inventory quantity",),
        },
        needed=("handle", "title", "sku"),
    ),
    Layout(
        name="shopify-inventory",
        kind="counts",
        columns={
            **_INVENTORY,
            "place": ("Location",),
            "unavailable": ("Unavailable", "Unavailable (not editable)"),
            "committed": ("Committed", "Committed (not editable)"),
            "available": ("Available", "Available (not editable)"),
            "on_hand": ("On hand", "On hand (current)"),
        },
        needed=("handle", "title", "sku", "place", "on_hand"),
    ),
    Layout(
        name="shopify-inventory",
        kind="counts",
        columns=_INVENTORY,
        needed=("handle", "title", "option1", "sku"),
        lacks=("Location", "On hand", "On hand (current)"),
        has_places=True,
    ),
    Layout(
        name="amazon-fba-inventory",
        kind="counts",
        columns={
            "sku": ("sku",),
            "title": ("product-name",),
            "sellable": ("afn-fulfillable-quantity",),
            "unsellable": ("afn-unsellable-quantity",),
            "is_listed": ("afn-listing-exists",),
        },
        needed=("sku", "sellable"),
    ),
)
LAYOUT_NAMES: Final = tuple(dict.fromkeys(layout.name for layout in LAYOUTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFile:
    """An export with what its import was told: also what a retry of its rows needs.

    `columns`: by our name, the file's; `places`: columns that are locations; `currency`: of prices; `counted_at`: when its units were
    there, in microseconds since 1970 (UTC).
    """

    layout: str
    kind: Kind
    columns: dict[str, str]
    places: tuple[str, ...] = ()
    channel_id: str | None = None
    currency: str | None = None
    location_id: str | None = None
    counted_at: int = 0

    @property
    def wanted(self) -> list[str]:
        """The file's columns that are read."""
        return [*self.columns.values(), *self.places]

    def as_options(self) -> dict[str, Any]:
        """For `Recipe.options`."""
        return {**asdict(self), "places": list(self.places)}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "ChannelFile":
        """From `Recipe.options`."""
        return cls(**{**options, "places": tuple(options["places"])})


def layout_of(path: Path, kind: Kind, name: str) -> ChannelFile:
    """The layout of that name, or with `auto` any of the kind, that the file's header has.

    Raises:
        InvalidInput: the file cannot be read, none fits, or there is none of that name.

    """
    if name != "auto" and name not in LAYOUT_NAMES:
        known = ", ".join(dict.fromkeys(layout.name for layout in LAYOUTS if layout.kind == kind))
        raise InvalidInput(f"There is no mapping {name!r} of {kind}: give auto, one of {known}, or the path of a .toml file.")
    layouts = [layout for layout in LAYOUTS if name in ("auto", layout.name)]
    candidates = []
    for layout, header in zip(layouts, _headers(path, layouts), strict=True):
        missing = layout.missing(header)
        if not missing:
            if layout.kind != kind:
                raise InvalidInput(f"{path} is {layout.name}: import it with `onhand import {layout.kind}`.")
            return ChannelFile(layout=layout.name, kind=kind, columns=layout.there(header), places=layout.places(header))
        candidates.append((layout.kind == kind, -len(missing), layout.name, missing))
    _, _, nearest, missing = max(candidates, key=lambda one: one[:2])
    lacks = ", ".join(repr(column) for column in missing[:3])
    raise InvalidInput(
        f"The header of {path} is no export that OnHand knows (the nearest, {nearest}, lacks {lacks}): see docs/importing.md."
    )


def recognised_layout(path: Path) -> Layout | None:
    """The layout of any kind that the file's header has; None if it has none.

    Raises:
        InvalidInput: the file cannot be read.

    """
    headers = _headers(path, LAYOUTS)
    return next((layout for layout, header in zip(LAYOUTS, headers, strict=True) if not layout.missing(header)), None)


def _headers(path: Path, layouts: Sequence[Layout]) -> list[tuple[str, ...]]:
    """The file's header as each layout would read it."""
    headers = headers_of(path, [(FilePart(), [theirs for names in layout.columns.values() for theirs in names]) for layout in layouts])
    for header in headers:
        if isinstance(header, InvalidInput):
            raise header
    return [header for header in headers if not isinstance(header, InvalidInput)]
