"""The rows of a channel's export, understood: one frame with one schema, whatever the layout."""

from typing import Final

import polars as pl

from data_access.imports.channel_files.layouts import ChannelFile
from data_access.imports.files import values
from data_access.imports.files.reader import Contents

COUNTS: Final = pl.List(pl.Struct({"place": pl.String, "state": pl.String, "quantity": pl.Int64}))
ROWS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "position": pl.Int64,
    "row_no": pl.Int64,
    "line_number": pl.Int64,
    "reference": pl.String,
    "code": pl.String,
    "reason": pl.String,
    "is_aside": pl.Boolean,
    "external_sku": pl.String,
    "title": pl.String,
    "category": pl.String,
    "price": pl.Int64,
    "is_below_zero": pl.Boolean,
    "counts": COUNTS,
}
"""Schema of `channel_rows`. `external_sku`: the code by which the channel's orders know the item, its SKU or else its name; `title`: its
name with its options; `price`: 1/10,000; `is_aside`: left out; `is_below_zero`: units that are less than none are not counted; `counts`:
`place` is null where the file names none.
"""

FACTS: Final = pl.Schema({"row_no": pl.Int64, "product_title": pl.String, "product_category": pl.String})
"""What a file says of a row beside its text: facts of the product that stand on another of its rows."""

MAX_CODE: Final = 200
MAX_TITLE: Final = 1_000
_OPTIONS: Final = ("option1", "option2", "option3")
_NUMBERS: Final = ("quantity", "on_hand", "unavailable", "committed", "available", "sellable", "unsellable")
_NOT_STOCKED: Final = "not stocked"


def channel_rows(contents: Contents, file: ChannelFile, facts: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows of an export by the schema `ROWS`, bad records included. `facts`: by the schema `FACTS`, of rows that are tried again."""
    frame = _named(contents.frame, file, facts)
    if file.kind == "products":
        frame = _products(frame, file)
    elif file.places:
        frame = _by_place(frame, file)
    elif "on_hand" in file.columns:
        frame = _inventory(frame, file)
    else:
        frame = _fba(frame)
    frame = _checked(frame, file)
    bad = pl.DataFrame(
        [(record.row_no, record.line_number, record.code, record.reason) for record in contents.bad],
        schema={name: ROWS[name] for name in ("row_no", "line_number", "code", "reason")},
        orient="row",
    )
    frame = pl.concat([frame.select(name for name in ROWS if name != "position"), bad], how="diagonal").sort("row_no")
    frame = frame.with_columns(
        pl.col("is_aside", "is_below_zero").fill_null(value=False),
        reference=pl.col("reference").fill_null("").str.slice(0, MAX_CODE),
        position=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    return frame.select(*ROWS)


def product_facts(contents: Contents, file: ChannelFile) -> pl.DataFrame:
    """By the schema `FACTS`, what rows take from other rows of their product."""
    frame = _named(contents.frame, file, None)
    return frame.select("row_no", product_title="title_filled", product_category="category_filled").cast(FACTS)


def _named(frame: pl.DataFrame, file: ChannelFile, facts: pl.DataFrame | None) -> pl.DataFrame:
    """The cells under our names, null where the file has no such column; a product's title and category on all of its rows."""
    ours = ("handle", "title", "sku", *_OPTIONS, "type", "category", "price", "tracker", "place", "is_listed", *_NUMBERS)
    there = {name: pl.col(file.columns[name]) if name in file.columns else pl.lit(None, pl.String) for name in ours}
    frame = frame.select(
        "row_no",
        "line_number",
        *(cell.alias(name) for name, cell in there.items()),
        *(pl.col(place).alias(f"place_{number}") for number, place in enumerate(file.places)),
    )
    part = pl.col("category").str.split(">").list.last().str.strip_chars()
    filled = {"title_filled": pl.col("title"), "category_filled": pl.coalesce("type", pl.when(part != "").then(part))}
    frame = frame.with_columns(**filled)
    if "handle" in file.columns:  # rows without a handle are each a product of their own
        rest = {name: pl.when(pl.col("handle").is_not_null()).then(pl.col(name).drop_nulls().first().over("handle")) for name in filled}
        frame = frame.with_columns(pl.coalesce(name, other).alias(name) for name, other in rest.items())
    if facts is not None:
        frame = frame.join(facts, on="row_no", how="left", maintain_order="left").with_columns(
            title_filled=pl.coalesce("title_filled", "product_title"), category_filled=pl.coalesce("category_filled", "product_category")
        )
    options = [pl.when(pl.col(name) != "Default Title").then(pl.col(name)) for name in _OPTIONS]
    variant = pl.concat_str(options, separator=" / ", ignore_nulls=True)
    name = pl.when(variant == "").then("title_filled").otherwise(pl.format("{} - {}", "title_filled", variant))
    # A spreadsheet is kept from making a number of the SKU by an apostrophe before it.
    sku = pl.col("sku").str.replace(r"^'(\d+)$", "$1")
    frame = frame.with_columns(name=name, sku=sku, external_sku=pl.coalesce(sku, name), money=values.price("price", ".", ""))
    return frame.with_columns(values.units(name, ".", "").alias(f"{name}_units") for name in _NUMBERS)


def _count(place: pl.Expr, state: str, units: pl.Expr) -> pl.Expr:
    return pl.struct(place=place, state=pl.lit(state), quantity=units.cast(pl.Int64))


def _known(counts: list[pl.Expr]) -> pl.Expr:
    """Those of the counts that have units."""
    return pl.concat_list(counts).list.eval(pl.element().filter(pl.element().struct.field("quantity").is_not_null()))


def _products(frame: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """Variants, whose units are counted if the shop tracks them; rows of further pictures are aside, wherever they stand."""
    bare = pl.all_horizontal(pl.col(name).is_null() for name in ("sku", *_OPTIONS, "price", "quantity"))
    has_variant = pl.when(pl.col("handle").is_not_null()).then((~bare).any().over("handle")).otherwise(pl.lit(value=False))
    is_tracked = pl.col("tracker").is_not_null() if "tracker" in file.columns else pl.lit(value=True)
    is_counted = is_tracked & pl.lit(file.location_id is not None)
    units = pl.when(is_counted & (pl.col("quantity_units") >= 0)).then("quantity_units")
    return frame.with_columns(
        is_aside=bare & (pl.col("title").is_null() | has_variant),
        is_below_zero=is_counted & (pl.col("quantity_units") < 0),
        counts=_known([_count(pl.lit(None, pl.String), "sellable", units)]),
    )


def _inventory(frame: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """What is on hand, in all: units that are unavailable are unsellable, units that orders are committed to are there still."""
    is_aside = pl.any_horizontal(pl.col(name).str.to_lowercase() == _NOT_STOCKED for name in ("on_hand", "available"))
    in_all = pl.sum_horizontal("available_units", pl.col("committed_units", "unavailable_units").fill_null(0))
    on_hand = pl.coalesce("on_hand_units", pl.when(pl.col("available_units").is_not_null()).then(in_all))
    unavailable = pl.col("unavailable_units").fill_null(0)
    counts = [_count(pl.col("place"), "sellable", on_hand - unavailable)]
    if "unavailable" in file.columns:
        counts.append(_count(pl.col("place"), "unsellable", pl.when(on_hand.is_not_null()).then(unavailable)))
    return frame.with_columns(is_aside=is_aside.fill_null(value=False), is_below_zero=pl.lit(value=False), counts=_known(counts))


def _by_place(frame: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """A column for each location, with the units available there; an empty cell is not counted."""
    names = [f"place_{number}" for number in range(len(file.places))]
    is_stocked = {name: pl.col(name).str.to_lowercase() != _NOT_STOCKED for name in names}
    counts = [_count(pl.lit(place), "sellable", values.units(name, ".", "")) for name, place in zip(names, file.places, strict=True)]
    return frame.with_columns(
        is_aside=~pl.any_horizontal(stocked.fill_null(value=False) for stocked in is_stocked.values()),
        is_below_zero=pl.lit(value=False),
        counts=_known(counts),
    )


def _fba(frame: pl.DataFrame) -> pl.DataFrame:
    """What Amazon holds; items that the seller sends are aside."""
    counts = [_count(pl.lit(None, pl.String), state, pl.col(f"{state}_units")) for state in ("sellable", "unsellable")]
    is_aside = (pl.col("is_listed").str.to_lowercase() == "no").fill_null(value=False)
    return frame.with_columns(is_aside=is_aside, is_below_zero=pl.lit(value=False), counts=_known(counts))


# ---- what is wrong -----------------------------------------------------------------------------------------------------

_Check = tuple[pl.Expr, str, pl.Expr]


def _checked(frame: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """With `code` and `reason` of the first thing wrong with each row, under the names of `ROWS`."""
    checks = [*_form_checks(file), *_cell_checks(file)]
    code = pl.coalesce(pl.when(wrong.fill_null(value=False)).then(pl.lit(code)) for wrong, code, _ in checks)
    reason = pl.coalesce(pl.when(wrong.fill_null(value=False)).then(reason) for wrong, _, reason in checks)
    frame = frame.with_columns(code=code, reason=reason)
    return frame.with_columns(
        pl.when(~pl.col("is_aside")).then(pl.col("code", "reason")),
        reference="external_sku",
        title="name",
        category="category_filled",
        price="money",
    )


def _form_checks(file: ChannelFile) -> list[_Check]:
    """Rows that name no item, or one name for several."""
    title = file.columns.get("title", "title")
    checks = [
        (pl.col("external_sku").is_null(), "missing_sku", pl.lit(f"The column {file.columns['sku']} is empty: every row needs it.")),
        (
            pl.col("external_sku").str.len_chars() > MAX_CODE,
            "too_long",
            pl.lit(f"The SKU, or the name that stands for it, is longer than {MAX_CODE} characters: shorten it."),
        ),
        (pl.col("name").str.len_chars() > MAX_TITLE, "too_long", pl.lit(f"The name is longer than {MAX_TITLE:,} characters: shorten it.")),
    ]
    if file.kind == "products":
        is_shared = (pl.col("name").n_unique().over("sku") > 1) & pl.col("sku").is_not_null()
        variants = pl.col("sku").is_null() & ~pl.col("is_aside").fill_null(value=False)
        is_ambiguous = variants & (variants.sum().over("name") > 1)
        ambiguous = pl.format("Several variants without a SKU are called {}: give each a SKU in the shop.", "name")
        shared = pl.format("The SKU {} is that of several variants in the file: give each its own in the shop.", "sku")
        checks += [
            (pl.col("name").is_null(), "missing_title", pl.lit(f"The column {title} is empty in all rows of the product: give it.")),
            (is_ambiguous, "shared_name", ambiguous),
            (is_shared, "shared_sku", shared),
        ]
    return checks


def _cell_checks(file: ChannelFile) -> list[_Check]:
    """Cells that are no numbers, or no units that can be there."""
    checks: list[_Check] = []

    def units(cell: str, column: str, value: pl.Expr, least: int | None = 0) -> None:
        shown = column.replace("{", "(").replace("}", ")")
        is_given = pl.col(cell).is_not_null() & (pl.col(cell).str.to_lowercase() != _NOT_STOCKED)
        wrong = pl.format(f"'{{}}' in column {shown} is not a whole number of units: mend it.", pl.col(cell).str.slice(0, 100))
        checks.append((is_given & value.is_null(), "bad_number", wrong))
        if least is not None:
            low = pl.format(f"'{{}}' in column {shown} is less than {least}, which cannot be there: count it.", pl.col(cell))
            checks.append((value < least, "bad_number", low))

    for name in (name for name in _NUMBERS if name in file.columns):
        units(name, file.columns[name], pl.col(f"{name}_units"), None if name in ("quantity", "available") else 0)
    for number, place in enumerate(file.places):
        units(f"place_{number}", place, values.units(f"place_{number}", ".", ""))
    if "price" in file.columns:
        wrong_price = pl.col("price").is_not_null() & (pl.col("money").is_null() | (pl.col("money") < 0))
        no_price = pl.format(f"'{{}}' in column {file.columns['price']} is not a price: mend it.", pl.col("price").str.slice(0, 100))
        checks.append((wrong_price, "bad_number", no_price))
    sellable = pl.col("counts").list.eval(pl.element().struct.field("quantity")).list.min()
    if "unavailable" in file.columns:
        more = pl.lit(f"More units are in column {file.columns['unavailable']} than on hand: mend one of them.")
        checks.append((sellable < 0, "bad_number", more))
    if file.kind == "counts":
        needed = file.columns.get("on_hand") or file.columns.get("sellable") or "of a location"
        checks.append((pl.col("counts").list.len() == 0, "missing_quantity", pl.lit(f"The column {needed} is empty: every row needs it.")))
    return checks
