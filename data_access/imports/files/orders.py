"""The rows of an order file, as a mapping understands them: one frame with one schema, whatever the file looked like.

A row is a line of an order, a return, a charge (not goods) or a write-off; or it is left out, or waits until it is an order. A row with
a `code` cannot be taken and says why in `reason`. Rows come in the order in which they are to be taken in: by their route, that is by
channel and location, then by the order's time of placing, then as in the file.
"""

import hashlib
from collections.abc import Mapping as TMapping
from collections.abc import Sequence
from typing import Final

import polars as pl

from data_access.imports.files import values
from data_access.imports.files.id_checks import Check, id_checks
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.order_cells import TIMES, cells
from data_access.imports.files.reader import Contents, of_sheet

MAX_TEXT: Final = 200
SLICE_ROWS: Final = 50_000  # understood at a time, for the sake of memory
_DEADLINES: Final = ("ship_by", "deliver_by")
_TEXTS: Final = (
    *("order", "external_sku", "line", "title", "currency", "status", "carrier", "tracking_number", "cancel_reason", "cancelled_by"),
    *("country", "region", "fulfilled_by", "customer"),
)
_IDS: Final = ("order", "external_sku", "line")
KNOWN_ORDERS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "order_ref": pl.String,
        "known_placed_at": pl.Int64,
        "known_currency": pl.String,
        "known_ship_by_at": pl.Int64,
        "known_deliver_by_at": pl.Int64,
        "known_shipped_at": pl.Int64,
    }
)
"""What the store knows of an order as a whole; of the times of its lines the first."""
TAKEN: Final = pl.Schema({"content": pl.UInt64, "taken": pl.Int64})
"""Of lines without a line id, the hash that their references begin with, and the greatest occurrence number."""

ROWS: Final[dict[str, pl.DataType]] = {
    "position": pl.Int64(),
    "route": pl.Int64(),
    "row_no": pl.Int64(),
    "line_number": pl.Int64(),
    "code": pl.String(),
    "reason": pl.String(),
    "role": pl.String(),
    "order_ref": pl.String(),
    "line_ref": pl.String(),
    "event_ref": pl.String(),
    "payload_hash": pl.String(),
    "external_sku": pl.String(),
    "sku": pl.String(),
    "title": pl.String(),
    "quantity": pl.Int64(),
    "package_quantity": pl.Int64(),
    "is_void": pl.Boolean(),
    "says_state": pl.Boolean(),
    "unit_price": pl.Int64(),
    "currency": pl.String(),
    "placed_at": pl.Int64(),
    "ship_by_at": pl.Int64(),
    "deliver_by_at": pl.Int64(),
    "shipped_at": pl.Int64(),
    "carrier": pl.String(),
    "tracking_number": pl.String(),
    "tracking_uploaded_at": pl.Int64(),
    "first_scan_at": pl.Int64(),
    "delivered_at": pl.Int64(),
    "cancelled_at": pl.Int64(),
    "cancel_reason": pl.String(),
    "cancelled_by": pl.String(),
    "returned_at": pl.Int64(),
    "returned_quantity": pl.Int64(),
    "country": pl.String(),
    "region": pl.String(),
    "fulfilled_by": pl.String(),
    "customer": pl.String(),
}
"""Schema of `normalised`. `quantity`: units, positive but for charges; `package_quantity`: of the line
in the row's package, null if not said; `unit_price`: 1/10,000 of `currency`; `*_at`: microseconds
since 1970 (UTC), null where it did not happen or the file does not say; `sku`: what the code becomes if it is not mapped by a listing;
`event_ref`: the row's event id; `is_void`: a line whose quantity is written as 0; `says_state`: whether its status is said;
`route`: place in `mapping.routes`; `returned_quantity`: units that came back, null for all of the line's.
"""

IS_GOODS: Final = pl.col("code").is_null() & pl.col("role").is_in(["line", "return", "write_off"])
IS_ASIDE: Final = pl.col("role").is_in(["left_out", "waiting"])


def normalised(
    contents: Contents,
    mapping: Mapping,
    row_facts: pl.DataFrame | None = None,
    known: pl.DataFrame | None = None,
    taken: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The rows of a file by the schema `ROWS`; bad records of the file included.

    `row_facts`, by the schema `ROW_FACTS`: what the file that rows were taken from said of them beside their own text. `known`, by the
    schema `KNOWN_ORDERS`: what the store knows of orders whose own facts the file leaves out. `taken`, by the schema `TAKEN`: lines that
    that file has told already, so that a mended row of the same content is a further one.
    """
    raw, parts = cells(contents, mapping, row_facts), []
    for route, routed in enumerate(mapping.routes):
        own = routed.model_copy(update={"formats": of_sheet(routed.formats)}) if contents.is_sheet else routed
        orders = KNOWN_ORDERS.to_frame() if known is None else known.filter(pl.col("channel_id") == own.channel.id).drop("channel_id")
        part = _with_placing(raw.filter(route=route) if len(mapping.routes) > 1 else raw, own, orders)
        part = pl.concat([_understood(some, own) for some in part.iter_slices(SLICE_ROWS)]) if part.height else _understood(part, own)
        part = _numbered(part, own, row_facts, taken)
        parts.append(_identified(part, "" if own.channel == mapping.channel else f"{own.channel.id}|"))
    frame = pl.concat(parts)
    del raw, parts
    bad = pl.DataFrame(
        {
            "row_no": [record.row_no for record in contents.bad],
            "line_number": [record.line_number for record in contents.bad],
            "code": [record.code for record in contents.bad],
            "reason": [record.reason for record in contents.bad],
        },
        schema={name: ROWS[name] for name in ("row_no", "line_number", "code", "reason")},
    )
    rows = pl.concat([frame.select(*(pl.col(name) for name in ROWS if name != "position"), "is_late"), bad], how="diagonal")
    rows = rows.with_columns(pl.col("route").fill_null(0)).sort(
        "route", pl.col("placed_at").fill_null(0), pl.col("is_late").fill_null(value=False), "row_no"
    )
    return rows.drop("is_late").select(pl.int_range(pl.len(), dtype=pl.Int64).alias("position"), pl.exclude("position"))


def _with_placing(raw: pl.DataFrame, mapping: Mapping, known: pl.DataFrame) -> pl.DataFrame:
    """With each order's earliest time of placing and its currency, of the file, or else as the store knows them."""
    raw = raw.join(known, left_on="raw_order", right_on="order_ref", how="left", maintain_order="left")
    if "currency" not in mapping.of_order:
        raw = raw.with_columns(known_currency=pl.lit(None, pl.String))
    apart = [name for name in ("placed", "shipped", *_DEADLINES) if name not in mapping.of_order]
    raw = raw.with_columns(pl.lit(None, pl.Int64).alias(f"known_{name}_at") for name in apart)
    placed = pl.coalesce(values.micros("raw_placed", mapping.formats.dates, mapping.time_zone), _known_placing())
    return raw.with_columns(
        order_placed_at=placed.min().over("raw_order"),
        order_currency=_currency(mapping).first().over("raw_order"),
    )


def _known_placing() -> pl.Expr:
    """When the store knows the order to have been placed, for rows that do not say it."""
    return pl.when(pl.col("raw_placed").is_null()).then("known_placed_at")


def _currency(mapping: Mapping) -> pl.Expr:
    if mapping.columns.currency is None:
        return pl.lit(mapping.channel.currency)
    return pl.coalesce(pl.col("raw_currency").str.to_uppercase(), "known_currency", pl.lit(mapping.channel.currency))


def _understood(raw: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Some rows by the schema `ROWS`, as far as each can be understood without the others; `content` is a hash of its identity."""
    frame = _parsed(raw, mapping).pipe(_classified, mapping).pipe(_checked, mapping).pipe(_states, mapping)
    frame = frame.with_columns(payload_hash=_hash(frame, [f"raw_{name}" for name in mapping.columns.named], 16))
    frame = frame.with_columns(content=pl.lit(0, pl.UInt64))
    if "line" not in mapping.columns.named:
        hashes = _hash(frame, ["order_ref", *(_identity_column(name) for name in mapping.identity)], 8)
        frame = frame.with_columns(content=hashes.str.to_integer(base=16, dtype=pl.UInt64))
    return frame.select(*(pl.col(name) for name in ROWS if name not in ("position", "event_ref")), "content", "is_late")


def _parsed(raw: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Typed values beside the cells they were read from; an order's earliest time of placing is that of all its rows."""
    formats, zone, named = mapping.formats, mapping.time_zone, mapping.columns.named
    numbers = (formats.decimal, formats.thousands)

    def text(name: str) -> pl.Expr:
        return pl.col(f"raw_{name}") if name in named else pl.lit(None, pl.String)

    placing = pl.coalesce(values.micros("raw_placed", formats.dates, zone), _known_placing())

    def time(name: str) -> pl.Expr:
        instant = values.micros(f"raw_{name}", formats.dates, zone, mapping.channel.time_zone if name in _DEADLINES else None)
        return pl.when(pl.col(f"raw_{name}").is_null()).then(f"known_{name}_at").otherwise(instant) if name in _DEADLINES else instant

    has_signs = "price" in named and values.has_signs(raw["raw_price"])
    price_currency = values.currency_of("raw_price") if has_signs else pl.lit(None, pl.String)
    money, refunded, sent = (pl.lit(None, pl.Int64) for _ in range(3))
    if "price" in named:
        money = values.price("raw_price", *numbers, has_signs=has_signs)
    if mapping.columns.refunded_quantity is not None:
        refunded = values.units("raw_refunded_quantity", *numbers).abs()
    if mapping.columns.shipped_quantity is not None:
        sent = values.units("raw_shipped_quantity", *numbers)
    return raw.with_columns(
        *(time(name).alias(f"{name}_at") for name in TIMES if name in named and name != "placed"),
        *(pl.lit(None, pl.Int64).alias(f"{name}_at") for name in TIMES if name not in named),
        placing.alias("row_placed_at"),
        pl.when(placing.is_not_null()).then("order_placed_at").alias("placed_at"),
        values.units("raw_quantity", *numbers).alias("units"),
        money.alias("money"),
        refunded.alias("refunded"),
        sent.alias("sent_units"),
        price_currency.alias("price_currency"),
        _currency(mapping).alias("currency"),
        pl.col("raw_order").alias("order_ref"),
        text("line").alias("line_ref"),
        *(text(name).alias(name) for name in _TEXTS if name not in ("order", "line", "currency")),
    )


def _classified(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The role of each row, by the rules of the mapping, and the SKU that its code would be."""
    charge = returned = written_off = taken_back = pl.lit(value=False)
    if mapping.charges is not None:
        if mapping.charges.order is not None:
            charge = charge | pl.col("order_ref").str.contains(mapping.charges.order)
        if mapping.charges.external_sku is not None:
            charge = charge | pl.col("external_sku").str.contains(mapping.charges.external_sku)
    if mapping.returns is not None:
        if mapping.returns.order is not None:
            returned = pl.col("order_ref").str.contains(mapping.returns.order).fill_null(value=False)
        if mapping.returns.negative_quantity:
            taken_back = (pl.col("units") < 0).fill_null(value=False) & ~returned
    if mapping.write_offs is not None:
        written_off = (pl.col("units") < 0) & (pl.col("money").fill_null(0) == 0)
        if mapping.write_offs.order is not None:
            written_off = written_off & pl.col("order_ref").str.contains(mapping.write_offs.order)
    no_order_yet = pl.col("status").str.to_lowercase().is_in([word.strip().lower() for word, means in mapping.status.items() if not means])
    named = pl.when(charge).then(pl.lit("charge")).when(returned).then(pl.lit("return")).when(written_off).then(pl.lit("write_off"))
    goods = named.when(taken_back).then(pl.lit("return")).when(no_order_yet).then(pl.lit("waiting")).otherwise(pl.lit("line"))
    role = pl.coalesce("aside", goods)
    is_late = (role == "return") & taken_back  # it comes after the lines of its order
    code = pl.col("external_sku")
    folded = {"keep": code, "upper": code.str.to_uppercase(), "lower": code.str.to_lowercase()}[mapping.skus.case]
    placed_at = pl.when(is_late).then("row_placed_at").otherwise("placed_at")
    return frame.with_columns(role=role, sku=folded, is_late=is_late, placed_at=placed_at)


def _checked(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """`code` and `reason` of the first thing wrong with each row; null where nothing is."""
    checks = [*_form_checks(mapping), *_meaning_checks(mapping)]
    code = pl.coalesce([pl.when(wrong).then(pl.lit(code)) for wrong, code, _ in checks])
    reason = pl.coalesce([pl.when(wrong).then(reason) for wrong, _, reason in checks])
    return frame.with_columns(pl.when(~IS_ASIDE).then(code).alias("code"), pl.when(~IS_ASIDE).then(reason).alias("reason"))


def _plain(text: str) -> str:
    """Text inside a pattern of `pl.format`."""
    return text.replace("{", "(").replace("}", ")")


def _form_checks(mapping: Mapping) -> list[Check]:
    """Empty, unreadable and overlong cells."""
    named = mapping.columns.named
    checks: list[Check] = []
    for name in ("order", "external_sku", "placed", "quantity", "line"):
        if name in named:
            reason = f"The column {named[name]} is empty: every row needs it."
            missing = pl.col(f"raw_{name}").is_null()
            if name == "placed":
                missing = missing & pl.col("known_placed_at").is_null()
            checks.append((missing, f"missing_{name}", pl.lit(reason)))
    typed = {name: (f"{name}_at" if name != "placed" else "row_placed_at") for name in TIMES}
    typed |= {"quantity": "units", "price": "money", "refunded_quantity": "refunded", "shipped_quantity": "sent_units"}
    for name, parsed in typed.items():
        if name in named:
            wrong = pl.col(f"raw_{name}").is_not_null() & pl.col(parsed).is_null()
            if name in TIMES:
                code, said = "bad_date", f"cannot be read: expected {' or '.join(mapping.formats.dates)}."
            else:
                what = "a number" if name == "price" else "a whole number of units"
                code, said = "bad_number", f"is not {what}: mend it, or set decimal and thousands in the mapping."
            pattern = _plain(f"in column {named[name]} {said}")
            checks.append((wrong, code, pl.format("'{}' " + pattern, pl.col(f"raw_{name}").str.slice(0, 100))))
    for name in _IDS:
        if name in named:
            checks += id_checks(pl.col(f"raw_{name}"), str(named[name]), mapping.file)
    for name in (*_IDS, "customer"):
        if name in named:
            reason = f"The text in column {named[name]} is longer than {MAX_TEXT} characters: shorten it."
            checks.append((pl.col(f"raw_{name}").str.len_chars() > MAX_TEXT, "too_long", pl.lit(reason)))
    return checks


def _meaning_checks(mapping: Mapping) -> list[Check]:
    """Quantities, prices, currencies and status words that do not fit the row's role."""
    role, units = pl.col("role"), pl.col("units")
    is_goods = role != "charge"
    checks: list[Check] = []

    def check(wrong: pl.Expr, code: str, pattern: str, *parts: pl.Expr) -> None:
        checks.append((wrong.fill_null(value=False), code, pl.format(pattern, *parts) if parts else pl.lit(pattern)))

    check(
        (role == "line") & (units < 0),
        "negative_quantity",
        "The quantity {} is negative, and no rule of the mapping makes the row a return or a write-off: mend it, or add the rule.",
        units,
    )
    check(
        (role == "return") & (units > 0),
        "positive_return",
        "The order id says that this is a return, but its quantity {} is not negative: mend one of them.",
        units,
    )
    may_be_zero = (role == "line") & pl.lit(mapping.lines.zero_quantity == "cancelled")
    check(is_goods & (units == 0) & ~may_be_zero, "zero_quantity", "The quantity is 0: mend it, or set lines.zero_quantity in the mapping.")
    check(is_goods & (pl.col("money") < 0), "negative_price", "The price is negative, and the row is no charge: mend it, or add the rule.")
    beyond = (role == "line") & (pl.col("sent_units") > units.abs())
    check(beyond, "beyond_ordered", "The row says that {} units left, of {}: mend one of them.", pl.col("sent_units"), units)
    check(~pl.col("currency").str.contains("^[A-Z]{3}$"), "bad_currency", "'{}' is no currency such as EUR: mend it.", pl.col("currency"))
    check(
        is_goods & (pl.col("price_currency") != pl.col("currency")),
        "other_currency",
        "The price '{}' is in {}, but the row is in {}: mend it, or map columns.currency.",
        pl.col("raw_price") if "price" in mapping.columns.named else pl.lit(""),
        pl.col("price_currency"),
        pl.col("currency"),
    )
    check(
        (role == "line") & (pl.col("currency") != pl.col("order_currency")),
        "other_currency",
        "The row is in {}, but its order begins in another currency: an order has one.",
        pl.col("currency"),
    )
    words = [word.strip().lower() for word in mapping.status]
    check(
        (role == "line") & pl.col("status").is_not_null() & ~pl.col("status").str.to_lowercase().is_in(words),
        "unknown_status",
        "The status '{}' is not in the mapping: add what it means to [status].",
        pl.col("status").str.slice(0, 100),
    )
    return checks


def _states(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """When each row was shipped, cancelled, returned: from its own times, its status word, or what the mapping says."""
    status = pl.col("status").str.to_lowercase()
    words = {word.strip().lower(): meanings for word, meanings in mapping.status.items()}

    def said(*meanings: str) -> pl.Expr:
        return status.is_in([word for word, has in words.items() if set(has) & set(meanings)]).fill_null(value=False)

    is_line = pl.col("role") == "line"
    is_void = (pl.col("units") == 0).fill_null(value=False) & pl.lit(mapping.lines.zero_quantity == "cancelled")
    sent = pl.col("shipped_at").is_not_null() | pl.col("delivered_at").is_not_null()
    if {"shipped", "delivered"} & set(mapping.of_order):  # when the order left; which of its lines did is said by their own status
        sent = sent & (status.is_null() | ~status.is_in(list(words)))
    is_shipped = (said("shipped", "delivered", "returned") | sent | (pl.col("sent_units") > 0).fill_null(value=False)) & ~(
        pl.col("sent_units") <= 0
    ).fill_null(value=False)
    is_cancelled = said("cancelled") | is_void
    when_cancelled = pl.col("cancelled_at").is_not_null()
    # An order that is cancelled after a line of it has left: the line comes back, or is lost; it was not cancelled.
    is_cancelled = is_cancelled | (when_cancelled & ~is_shipped if "cancelled" in mapping.of_order else when_cancelled)
    if mapping.columns.status is None and mapping.lines.without_status == "shipped":
        is_shipped = is_shipped | ~is_cancelled
    refunded = pl.col("refunded").fill_null(0)
    ordered = pl.col("units").abs()
    is_cancelled = is_cancelled | (~is_shipped & (refunded > 0) & (refunded >= ordered))
    keeps = pl.when(is_line & ~is_shipped & (refunded < ordered)).then(ordered - refunded).otherwise(ordered)
    units = pl.when(is_line & is_void).then(1).when(pl.col("role") == "charge").then("units").otherwise(keeps)
    per_unit = (pl.col("money") / pl.max_horizontal(pl.col("units").abs(), 1)).round().cast(pl.Int64)
    latest = pl.max_horizontal("placed_at", "shipped_at", "delivered_at")
    frame = frame.with_columns(
        shipped_at=pl.when(is_line & is_shipped & ~is_void).then(pl.coalesce("shipped_at", "known_shipped_at", "placed_at")),
        cancelled_at=pl.when(is_line & is_cancelled).then(pl.coalesce("cancelled_at", "placed_at")),
        returned_at=pl.when(is_line & (said("returned") | (is_shipped & (refunded > 0)))).then(latest),
        returned_quantity=pl.when(is_line & (refunded > 0)).then(pl.min_horizontal(refunded, ordered)),
        quantity=units.cast(pl.Int64),
        package_quantity=pl.when(is_line & is_shipped & ~is_void).then("sent_units"),
        is_void=is_line & is_void,
        says_state=status.is_not_null(),
        unit_price=per_unit if mapping.lines.price == "line" else pl.col("money"),
        cancelled_by=_word("cancelled_by", mapping.cancelled_by, "unknown"),
        fulfilled_by=_word("fulfilled_by", mapping.fulfilled_by, "seller", only_if_filled=True),
    )
    shipped_only = ("carrier", "tracking_number", "tracking_uploaded_at", "first_scan_at", "delivered_at")
    return frame.with_columns(pl.when(pl.col("shipped_at").is_not_null()).then(pl.col(name)).alias(name) for name in shipped_only)


def _word(column: str, words: TMapping[str, str], default: str, *, only_if_filled: bool = False) -> pl.Expr:
    """What the channel's word means by the mapping. An empty cell means the default, or null with `only_if_filled`."""
    meanings = {word.strip().lower(): meaning for word, meaning in words.items()}
    if not meanings:
        return pl.lit(default)
    word = pl.col(column).str.to_lowercase().replace_strict(meanings, default=default, return_dtype=pl.String)
    return pl.when(pl.col(column).is_not_null()).then(word) if only_if_filled else word


def _numbered(frame: pl.DataFrame, mapping: Mapping, row_facts: pl.DataFrame | None, taken: pl.DataFrame | None) -> pl.DataFrame:
    """Line reference of each row: without a line id, a hash of the identity columns and the occurrence number of that content within the
    order.
    """
    if "line" in mapping.columns.named:
        return frame
    frame = frame.with_columns(number=_occurrences(frame, by_package=mapping.rows_are_packages).cast(pl.Int64))
    if row_facts is not None:
        kept = row_facts.select("row_no", "occurrence", is_kept=pl.lit(value=True))
        frame = frame.join(kept, on="row_no", how="left", maintain_order="left")
        frame = frame.join(TAKEN.to_frame() if taken is None else taken, on="content", how="left", maintain_order="left")
        further = pl.col("number") + pl.when("is_kept").then("taken").fill_null(0)
        frame = frame.with_columns(number=pl.coalesce("occurrence", further)).drop("occurrence", "is_kept", "taken")
    return frame.with_columns(line_ref=pl.format("{}.{}", "content", "number")).drop("number")


def _identified(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Event id of each row; `prefix` tells event ids of a further channel from those of the mapping's own.

    The event id of lines and charges, which may change, ends with a hash of all mapped cells, so that the same content again is the same
    event.
    """
    identity = pl.format("{}|{}", "order_ref", "line_ref")
    content = pl.format("{}|{}", identity, pl.col("payload_hash").str.slice(0, 16))
    back = pl.format("{}|back|{}|{}", identity, pl.col("placed_at").fill_null(0), pl.col("quantity").fill_null(0))
    event_ref = pl.when(pl.col("role").is_in(["line", "charge"])).then(content).when("is_late").then(back).otherwise(identity)
    return frame.with_columns(event_ref=pl.lit(prefix) + event_ref).drop("content")


def _occurrences(frame: pl.DataFrame, *, by_package: bool) -> pl.Series:
    """The number of each row among those of the same content, and `by_package` of the same package.

    Rows that cannot be taken do not count, so that mending one does not renumber the others.
    """
    same = ["content", "tracking_number", "carrier"] if by_package else ["content"]
    repeated = frame.select(*same, "code", "role", place=pl.int_range(pl.len())).filter(pl.col("content").is_duplicated())
    numbered = repeated.select("place", number=(pl.col("code").is_null() & ~IS_ASIDE).cum_sum().over(same))
    return pl.repeat(1, frame.height, dtype=pl.UInt32, eager=True).scatter(numbered["place"], numbered["number"].cast(pl.UInt32))


def _identity_column(name: str) -> str:
    """The typed value where there is one, so that another way to write the same number is no other line."""
    return {"quantity": "quantity", "price": "unit_price", "placed": "row_placed_at", "external_sku": "external_sku"}.get(
        name, f"{name}_at" if name in TIMES else name
    )


def _hash(frame: pl.DataFrame, columns: Sequence[str], size: int) -> pl.Series:
    """BLAKE2b of the cells of each row, in hexadecimal digits: the same on every machine and in every release."""
    joined = frame.select(pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in columns], separator="\x1f")).to_series()
    digest = hashlib.blake2b
    return pl.Series([digest(text.encode(), digest_size=size).hexdigest() for text in joined.to_list()], dtype=pl.String)
