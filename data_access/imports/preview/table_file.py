"""A file of products, kits, listings, places, suppliers or counts before it is imported: its rows, and what they would become."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.imports.files.tables import TABLES, Kind, TableFile, load_table_mapping
from data_access.imports.preview.counts import count_moves, known_counts
from data_access.imports.preview.findings import MOVES, SHOWN, UNKNOWN, Preview, outcomes_of, problems_of
from data_access.imports.table_import import read_table_file
from data_access.imports.table_rows import TARGETS, TargetTable
from data_access.schema.catalog import kit_component, location, product
from data_access.schema.channels import channel
from data_access.store.frames import read
from data_access.write.bulk import in_values

_PLACES: Final = {"sku": "sku", "component_sku": "sku", "location_id": "location", "channel_id": "channel"}
"""Columns that name something else than the row's own, with what it is."""

_NAMES: Final[dict[Kind, tuple[str, ...]]] = {
    "kits": ("component_sku",),
    "listings": ("channel_id", "sku"),
    "suppliers": ("sku",),
    "counts": ("sku", "location_id"),
}
"""The columns of each kind that name something that must be in the store."""


def preview_table(engine: Engine, kind: str, path: Path, mapping: str | None = None) -> Preview:
    """What importing a file of a kind would do, as far as it can be known; nothing is written. Arguments as of `import_table`.

    Raises:
        InvalidInput: the kind, the mapping or the file cannot be used.

    """
    loaded, table = load_table_mapping(kind, mapping)
    file = read_table_file(engine, path, loaded, table)
    rows = file.rows
    with reading(engine) as connection:
        rows, unknown = _with_names(connection, rows, table.kind)
        judge = _JUDGES.get(table.kind, _judged)
        rows = judge(connection, rows, table.kind, f"import:{loaded.name}")
        moves = count_moves(connection, rows.filter(outcome="imported")) if table.kind == "counts" else MOVES.to_frame()
    return Preview(
        kind=table.kind,
        mapping="" if mapping is None else loaded.name,
        read_as=file.contents.read_as,
        zone="",
        rows=rows.height,
        outcomes=outcomes_of(rows),
        first=_first(rows, table),
        moves=moves,
        problems=problems_of(rows),
        unknown=unknown,
    )


def _with_names(connection: Connection, rows: pl.DataFrame, kind: Kind) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that name what the store lacks are refused; and `UNKNOWN`, what they name."""
    unknown = [UNKNOWN.to_frame()]
    for name in _NAMES.get(kind, ()):
        what = _PLACES[name]
        lacking = pl.col("code").is_null() & pl.col(name).is_not_null()
        lacking = lacking & ~pl.col(name).is_in(_stored(connection, what, rows[name].drop_nulls().unique().to_list()).implode())
        units = pl.col("quantity") if "quantity" in rows.columns else pl.lit(0, pl.Int64)
        title = pl.col("title") if "title" in rows.columns else pl.lit(None, pl.String)
        named = rows.filter(lacking).group_by(code=pl.col(name)).agg(title.first().alias("title"), rows=pl.len(), units=units.sum())
        unknown.append(
            named.select(pl.lit(what).alias("what"), pl.lit(None, pl.String).alias("channel_id"), "code", "title", "rows", "units").cast(
                UNKNOWN
            )
        )
        reason = pl.format("There is no " + {"sku": "SKU"}.get(what, what) + " {}.", name)
        rows = rows.with_columns(
            code=pl.when(lacking).then(pl.lit(f"unknown_{what}")).otherwise("code"),
            reason=pl.when(lacking).then(reason).otherwise("reason"),
        )
    return rows, pl.concat(unknown).sort("what", "rows", "code", descending=[False, True, False])


def _stored(connection: Connection, what: str, ids: list[str]) -> pl.Series:
    """Those of the ids that the store has."""
    column = {"sku": product.c.sku, "location": location.c.location_id, "channel": channel.c.channel_id}[what]
    return read(connection, sa.select(column).where(in_values(connection, column, ids)), pl.Schema({"id": pl.String}))["id"]


def _judged(connection: Connection, rows: pl.DataFrame, kind: Kind, source: str) -> pl.DataFrame:  # noqa: ARG001 - as the others
    """Rows with their `outcome`: whether each is new, says something else than the store, or neither."""
    target = TARGETS[kind]
    if kind == "channels":
        rows = rows.with_columns(stale_after_seconds=pl.col("stale_after_hours") * 3_600)
    rows = _beside_stored(connection, rows, target)
    is_new, is_changed = pl.col("stored_key").is_null(), _differs(target)
    is_first = pl.struct(target.keys).is_first_distinct()
    lacking = pl.coalesce([pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in target.needed])
    lacks = is_new & is_first & lacking.is_not_null()
    rows = rows.with_columns(
        code=pl.when(pl.col("code").is_null() & lacks).then(pl.format("missing_{}", lacking)).otherwise("code"),
        reason=pl.when(pl.col("code").is_null() & lacks)
        .then(pl.format("The column {} is empty, and the row is new to the store: give it.", lacking))
        .otherwise("reason"),
    )
    known = pl.when(is_changed | ~is_first).then(pl.lit("updated")).otherwise(pl.lit("duplicates"))
    return rows.with_columns(outcome=_outcome(pl.when(is_new & is_first).then(pl.lit("imported")).otherwise(known)))


def _outcome(taken: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("code").is_not_null()).then(pl.lit("quarantined")).otherwise(taken)


def _beside_stored(connection: Connection, rows: pl.DataFrame, target: TargetTable) -> pl.DataFrame:
    """Rows with the stored values as `stored_...`; `stored_key` is null for new ones."""
    columns = {theirs: target.table.c[theirs] for theirs in target.taken.values()}
    keys = [target.table.c[name] for name in target.keys]
    wanted = in_values(connection, keys[0], rows[target.keys[0]].drop_nulls().unique().to_list())
    types = {ours: rows.schema[ours] for ours in target.taken if ours in rows.columns}
    schema = pl.Schema(
        {
            **{name: pl.String() for name in target.keys},
            **{f"stored_{ours}": types.get(ours, pl.String()) for ours in target.taken},
            "stored_key": pl.Int64(),
        }
    )
    query = sa.select(*keys, *(columns[theirs] for theirs in target.taken.values()), sa.literal(1)).where(wanted)
    return rows.join(read(connection, query, schema), on=list(target.keys), how="left", maintain_order="left")


def _differs(target: TargetTable) -> pl.Expr:
    """Whether the row says something, and something else than the store."""
    parts = [
        pl.col(ours).is_not_null() & pl.col(ours).ne_missing(pl.col(f"stored_{ours}")) for ours in target.taken if ours not in target.keys
    ]
    return pl.any_horizontal(pl.lit(value=False), *parts)


def _judged_kits(connection: Connection, rows: pl.DataFrame, _kind: Kind, _source: str) -> pl.DataFrame:
    """A kit is whole: it is new, composed otherwise, or the same."""
    k = kit_component.c
    query = (
        sa.select(k.kit_sku, k.component_sku, k.quantity)
        .join(product, sa.and_(product.c.sku == k.kit_sku, product.c.kit_version == k.kit_version))
        .where(in_values(connection, k.kit_sku, rows["kit_sku"].drop_nulls().unique().to_list()))
    )
    stored = read(connection, query, pl.Schema({"kit_sku": pl.String, "component_sku": pl.String, "stored_quantity": pl.Int64}))
    sizes = stored.group_by("kit_sku").agg(stored_parts=pl.len())
    rows = rows.join(stored, on=["kit_sku", "component_sku"], how="left", maintain_order="left")
    rows = rows.join(sizes, on="kit_sku", how="left", maintain_order="left")
    is_bad = pl.col("code").is_not_null().any().over("kit_sku")
    same = (pl.col("stored_quantity") == pl.col("quantity")).fill_null(value=False).all().over("kit_sku")
    same = same & (pl.len().over("kit_sku") == pl.col("stored_parts"))
    rows = rows.with_columns(
        code=pl.when(is_bad & pl.col("code").is_null()).then(pl.lit("incomplete_kit")).otherwise("code"),
        reason=pl.when(is_bad & pl.col("code").is_null())
        .then(pl.format("Another row of the kit {} has a problem, and kits are taken whole.", "kit_sku"))
        .otherwise("reason"),
    )
    known = pl.when(same).then(pl.lit("duplicates")).otherwise(pl.lit("updated"))
    return rows.with_columns(outcome=_outcome(pl.when(pl.col("stored_parts").is_null()).then(pl.lit("imported")).otherwise(known)))


def _judged_counts(connection: Connection, rows: pl.DataFrame, _kind: Kind, source: str) -> pl.DataFrame:
    """A count of the same SKU, location, state and time is known already."""
    good = rows.filter(pl.col("code").is_null())
    known = known_counts(connection, good, source)
    again = pl.col("row_no").is_in(good.filter(known)["row_no"].implode())
    return rows.with_columns(outcome=_outcome(pl.when(again).then(pl.lit("duplicates")).otherwise(pl.lit("imported"))))


_JUDGES: Final[dict[Kind, Callable[[Connection, pl.DataFrame, Kind, str], pl.DataFrame]]] = {"kits": _judged_kits, "counts": _judged_counts}


def _first(rows: pl.DataFrame, table: TableFile) -> pl.DataFrame:
    """The first rows: line_number, outcome, the columns of the kind that the file has (prices as decimals, times in UTC), reason."""
    columns = [column for column in TABLES[table.kind] if rows[column.name].null_count() < rows.height]
    shown = [
        (pl.col(column.name) / 10_000).alias(column.name)
        if column.type == "price"
        else pl.col(column.name).cast(pl.Datetime("us")).alias(column.name)
        if column.type == "time"
        else pl.col(column.name)
        for column in columns
    ]
    return rows.sort("row_no").head(SHOWN).select("line_number", "outcome", *shown, "reason")
