"""A channel's export of products or stock before it is imported: its rows, and what they would become."""

from pathlib import Path
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.imports.channel_files import questions
from data_access.imports.channel_files.channel_import import ChannelExport, read_channel_file
from data_access.imports.channel_files.layouts import ChannelFile, layout_of
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import read_records
from data_access.imports.preview.counts import count_moves, known_counts
from data_access.imports.preview.file_format import FileFormat
from data_access.imports.preview.findings import SHOWN, UNKNOWN, Preview, outcomes_of, problems_of
from data_access.schema.catalog import listing, location, product
from data_access.store.frames import read
from data_access.write.bulk import in_values

FIRST: Final = pl.Schema(
    {
        "line_number": pl.Int64,
        "outcome": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "name": pl.String,
        "category": pl.String,
        "price": pl.Float64,
        "currency": pl.String,
        "counted": pl.String,
        "reason": pl.String,
    }
)
"""The first rows. `external_sku`: the code on the channel; `sku`: that it is in the store; `counted`: the units of the row and where, in
words. Columns that no row has a value for are left out."""

_IS_GOOD: Final = pl.col("code").is_null() & ~pl.col("is_aside")
_LISTED: Final = pl.Schema({"external_sku": pl.String, "listed_sku": pl.String, "listed_title": pl.String, "is_listed": pl.Boolean})
_PRODUCTS: Final = pl.Schema({"sku": pl.String, "known_name": pl.String, "kit_version": pl.Int64})


def preview_channel_file(engine: Engine, export: ChannelExport) -> Preview:
    """What importing an export would do, as far as it can be known; nothing is written.

    Raises:
        InvalidInput: the file, its layout or a place cannot be used.

    """
    export_read = read_channel_file(engine, export)
    file = export_read.file
    with reading(engine) as connection:
        rows = _with_products(connection, _with_listings(connection, export_read.rows, file), file)
        counts = _counts(connection, rows, file)
        rows = _refused(rows, counts, file)
        good = counts.join(rows.filter(_IS_GOOD).select("row_no"), on="row_no", how="semi").with_columns(counted_at=pl.lit(file.counted_at))
        good = good.with_columns(is_known=known_counts(connection, good, export_read.source))
        rows = _judged(rows, good, file)
        moves = count_moves(connection, good.filter(~pl.col("is_known")))
    return Preview(
        kind=file.kind,
        mapping=export_read.name,
        read_as=export_read.contents.read_as,
        zone="",
        rows=rows.height,
        outcomes=outcomes_of(rows),
        first=_first(rows, counts, file),
        moves=moves,
        problems=problems_of(rows),
        unknown=_unknown(rows, counts, file),
    )


def places_named(path: Path, form: FileFormat) -> tuple[str, ...]:
    """The locations that an export names, in the order of the file.

    Raises:
        InvalidInput: the file cannot be read.

    """
    file = layout_of(path, form.export_kind, form.mapping or "auto")
    if file.places:
        return file.places
    if "place" not in file.columns:
        return ()
    frame = read_records(path, FilePart(), file.wanted).frame
    return tuple(frame[file.columns["place"]].drop_nulls().unique(maintain_order=True))


# ---- what the store knows ----------------------------------------------------------------------------------------------


def _with_listings(connection: Connection, rows: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """With the listing of each code on the channel, and as `named_sku` what the listing of a variant sells that had no SKU before."""
    c = listing.c
    query = sa.select(c.external_sku, c.sku, c.title, sa.true()).where(c.channel_id == file.channel_id)
    listed = read(connection, query, _LISTED)
    named = listed.select(title="external_sku", named_sku="listed_sku")
    rows = rows.join(listed, on="external_sku", how="left", maintain_order="left")
    return rows.join(named, on="title", how="left", maintain_order="left").with_columns(pl.col("is_listed").fill_null(value=False))


def _with_products(connection: Connection, rows: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """With the SKU of each row, as the writer finds it, and its product; rows whose SKU nobody knows are refused."""
    p = product.c
    codes = {code for name in ("external_sku", "listed_sku", "named_sku") for code in rows[name].drop_nulls()}
    known = read(connection, sa.select(p.sku, p.name, p.kit_version).where(in_values(connection, p.sku, list(codes))), _PRODUCTS)
    own = pl.when(pl.col("external_sku").is_in(known["sku"].implode())).then("external_sku")
    brought = [pl.col("named_sku"), pl.col("external_sku")] if file.kind == "products" else []
    rows = rows.with_columns(sku=pl.coalesce("listed_sku", own, *brought))
    rows = rows.join(known, on="sku", how="left", maintain_order="left")
    is_unknown = _IS_GOOD & pl.col("sku").is_null()
    sentence = questions.UNKNOWN_SKU if file.channel_id is None else questions.UNKNOWN_ON_CHANNEL
    return _refuse(rows, is_unknown, "unknown_sku", pl.format(sentence, "external_sku"))


def _counts(connection: Connection, rows: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """The counts of rows, one per row, with the `location_id` of each where the store has it; kits of product files count nothing."""
    counting = rows.filter(pl.col("counts").list.len() > 0, ~pl.col("is_aside"))
    if file.kind == "products":
        counting = counting.filter(pl.col("kit_version").fill_null(0) == 0)
    counts = counting.select("row_no", "external_sku", "sku", "counts").explode("counts").unnest("counts")
    if file.location_id is not None:
        return counts.with_columns(location_id=pl.lit(file.location_id), is_shared=pl.lit(value=False))
    place = location.c
    places = read(connection, sa.select(place.location_id, place.name), pl.Schema({"location_id": pl.String, "name": pl.String}))
    by_name = places.group_by(name=pl.col("name").str.to_lowercase()).agg(pl.col("location_id").first(), named=pl.len())
    counts = counts.with_columns(pl.col("place").str.to_lowercase().alias("name")).join(
        by_name, on="name", how="left", maintain_order="left"
    )
    has_id = pl.col("place").is_in(places["location_id"].implode())
    return counts.with_columns(
        location_id=pl.when(has_id).then("place").when(pl.col("named") == 1).then("location_id"),
        is_shared=~has_id & (pl.col("named") > 1).fill_null(value=False),
    ).drop("name", "named")


# ---- what becomes of the rows ------------------------------------------------------------------------------------------


def _refuse(rows: pl.DataFrame, wrong: pl.Expr, code: str, reason: pl.Expr) -> pl.DataFrame:
    """Rows for which something is `wrong` get a code and a reason, unless they have them."""
    is_wrong = pl.col("code").is_null() & wrong
    return rows.with_columns(
        code=pl.when(is_wrong).then(pl.lit(code)).otherwise("code"), reason=pl.when(is_wrong).then(reason).otherwise("reason")
    )


def _refused(rows: pl.DataFrame, counts: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """Rows at places that the store lacks, and counts of kits, are refused."""
    bad = counts.filter(pl.col("location_id").is_null()).unique("row_no", keep="first", maintain_order=True)
    rows = rows.join(bad.select("row_no", bad_place="place", is_shared="is_shared", is_bad=pl.lit(value=True)), on="row_no", how="left")
    is_bad = pl.col("is_bad").fill_null(value=False)
    rows = _refuse(rows, is_bad & pl.col("bad_place").is_null(), "missing_location", pl.lit(questions.NO_PLACE))
    rows = _refuse(rows, is_bad & pl.col("is_shared"), "unknown_location", pl.format(questions.SHARED_PLACE, "bad_place"))
    rows = _refuse(rows, is_bad, "unknown_location", pl.format(questions.UNKNOWN_PLACE, "bad_place"))
    if file.kind == "counts":
        is_kit = ~pl.col("is_aside") & (pl.col("kit_version").fill_null(0) > 0)
        rows = _refuse(rows, is_kit, "is_kit", pl.format(questions.IS_KIT, "sku"))
    return rows


def _judged(rows: pl.DataFrame, counts: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """Rows with their `outcome`: new if anything of them is, else changed if anything is."""
    counted = counts.filter(~pl.col("is_known"))["row_no"].unique()
    is_new = pl.col("row_no").is_in(counted.implode())
    is_changed = pl.lit(value=False)
    if file.kind == "products":
        is_new = is_new | (pl.col("known_name").is_null() & pl.col("sku").is_first_distinct())
        had_name = pl.col("listed_title").eq_missing(pl.col("known_name"))
        is_changed = pl.col("known_name").is_not_null() & had_name & pl.col("title").ne_missing(pl.col("known_name"))
    if file.channel_id is not None:
        is_new = is_new | (~pl.col("is_listed") & pl.col("external_sku").is_first_distinct())
        other_title = pl.col("title").ne_missing(pl.col("listed_title")) if file.kind == "products" else pl.lit(value=False)
        is_changed = is_changed | (pl.col("is_listed") & (pl.col("listed_sku").ne_missing(pl.col("sku")) | other_title))
    outcome = (
        pl.when(pl.col("code").is_not_null())
        .then(pl.lit("quarantined"))
        .when("is_aside")
        .then(pl.lit("left_out"))
        .when(is_new)
        .then(pl.lit("imported"))
        .when(is_changed)
        .then(pl.lit("updated"))
        .otherwise(pl.lit("duplicates"))
    )
    return rows.with_columns(outcome=outcome)


def _unknown(rows: pl.DataFrame, counts: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """`UNKNOWN`: codes without a SKU, and locations."""
    units = counts.group_by("row_no").agg(units=pl.col("quantity").sum())
    lacking = rows.filter(code="unknown_sku").join(units, on="row_no", how="left")
    codes = lacking.group_by(code=pl.col("external_sku")).agg(pl.col("title").first(), rows=pl.len(), units=pl.col("units").sum())
    what = pl.lit("sku" if file.channel_id is None else "listing")
    nowhere = counts.filter(pl.col("location_id").is_null(), pl.col("place").is_not_null(), ~pl.col("is_shared"))
    places = nowhere.group_by(code=pl.col("place")).agg(rows=pl.col("row_no").n_unique(), units=pl.col("quantity").sum())
    parts = [
        codes.with_columns(what=what, channel_id=pl.lit(file.channel_id, pl.String)),
        places.with_columns(what=pl.lit("location"), channel_id=pl.lit(None, pl.String), title=pl.lit(None, pl.String)),
    ]
    table = pl.concat([part.select(UNKNOWN.names()).cast(UNKNOWN) for part in parts])
    return table.sort("what", "rows", "code", descending=[False, True, False])


def _first(rows: pl.DataFrame, counts: pl.DataFrame, file: ChannelFile) -> pl.DataFrame:
    """`FIRST` of the rows."""
    shown = rows.sort("row_no").head(SHOWN)
    where = pl.coalesce("location_id", "place", pl.lit("?"))
    units = pl.when(pl.col("state") == "unsellable").then(pl.format("{} unsellable at {}", "quantity", where))
    words = counts.join(shown.select("row_no"), on="row_no", how="semi").with_columns(
        words=units.otherwise(pl.format("{} at {}", "quantity", where))
    )
    words = words.filter((pl.col("state") == "sellable") | (pl.col("quantity") > 0))
    counted = words.group_by("row_no", maintain_order=True).agg(counted=pl.col("words").str.join(", "))
    frame = (
        shown.join(counted, on="row_no", how="left", maintain_order="left")
        .with_columns(
            name="title",
            price=pl.col("price") / 10_000,
            currency=pl.when(pl.col("price").is_not_null()).then(pl.lit(file.currency, pl.String)),
        )
        .select(FIRST.names())
        .cast(FIRST)
    )
    always = ("line_number", "outcome", "sku", "name")
    empty = [name for name in frame.columns if name not in always and frame[name].null_count() == frame.height]
    return frame.drop(empty)
