"""Several items of an order in one cell: each becomes a row of its own, with the text of the whole record."""

from dataclasses import replace
from typing import Final

import polars as pl

from data_access.imports.files import values
from data_access.imports.files.delimited.frames import BadRecord
from data_access.imports.files.mapping import Mapping
from data_access.imports.files.mapping_parts import ItemsPart
from data_access.imports.files.reader import Contents, Texts

ITEM: Final = "\x00item"
"""Column of the frame of `Contents`: the number of the item within its record, from 1."""

_WANTED: Final = "\x00wanted"
_KEYS: Final = ("row_no", "line_number")


def itemised(contents: Contents, mapping: Mapping, row_facts: pl.DataFrame) -> tuple[Contents, dict[int, int] | None]:
    """The file with a row for each item, numbered in the order of the file, and of each record the number of its first row then.

    As it is, and None, if the mapping has no items. `row_facts`: as of `split_items`.
    """
    if mapping.items is None:
        return contents, None
    whole = split_items(contents, mapping, row_facts)
    of_bad = pl.DataFrame({"row_no": [record.row_no for record in whole.bad]}, schema={"row_no": pl.Int64})
    ranks = pl.concat([whole.frame.select("row_no"), of_bad]).select("row_no", new=pl.col("row_no").rank("ordinal").cast(pl.Int64) - 1)
    frame, bad = ranks.head(whole.frame.height), ranks.tail(len(whole.bad))
    raw = [contents.texts.raw[row_no] for row_no in ranks.sort("new")["row_no"]]
    numbered = replace(
        whole,
        frame=whole.frame.with_columns(row_no=frame["new"]),
        bad=tuple(replace(record, row_no=row_no) for record, row_no in zip(whole.bad, bad["new"], strict=True)),
        texts=Texts(tuple(raw), contents.texts.encoding),
    )
    return numbered, dict(ranks.group_by("row_no").agg(pl.col("new").min()).iter_rows())


def split_items(contents: Contents, mapping: Mapping, row_facts: pl.DataFrame | None = None) -> Contents:
    """The file with a row for each item, which keeps its record's number; records whose items cannot be read are bad.

    `row_facts`, by the schema `order_cells.ROW_FACTS`: of a record that was put aside for one of its items, only that item is there.
    """
    part = mapping.items
    if part is None:
        return contents
    pieces = _pieces(contents.frame, part)
    frame = contents.frame.drop(part.names, strict=False).join(pieces, on="row_no", how="left", maintain_order="left")
    wrong = frame.select(*_KEYS, problem=_problem(mapping, part)).drop_nulls("problem").unique("row_no", maintain_order=True)
    bad = [
        BadRecord(row_no, line_number, contents.texts(row_no), "bad_items", problem) for row_no, line_number, problem in wrong.iter_rows()
    ]
    frame = frame.join(wrong, on="row_no", how="anti", maintain_order="left")
    if row_facts is not None:
        wanted = frame.select("row_no").join(row_facts, on="row_no", how="left", maintain_order="left")["item"]
        is_wanted = (pl.col(ITEM) == pl.col(_WANTED)).fill_null(value=False)
        frame = frame.with_columns(wanted.alias(_WANTED)).filter(is_wanted | ~is_wanted.any().over("row_no")).drop(_WANTED)
    return replace(contents, frame=frame, bad=tuple(sorted((*contents.bad, *bad), key=lambda record: record.row_no)))


def _pieces(frame: pl.DataFrame, part: ItemsPart) -> pl.DataFrame:
    """The items of each record with the groups of the pattern, null where the text is no item.

    A separator may be part of a name: a piece that is no item by itself belongs to the one before it, or, if that makes none of it, to
    the one after it.
    """
    cell = pl.col(part.column.strip())
    pieces = frame.select("row_no", piece=cell.str.split(part.separator)).explode("piece").drop_nulls("piece")
    fits = pl.col("piece").str.strip_chars().str.contains(part.pattern)
    pieces = pieces.with_columns(
        before=fits.cast(pl.Int64).cum_sum().over("row_no"),
        after=fits.cast(pl.Int64).shift(1, fill_value=0).cum_sum().over("row_no"),
    )
    ways = []
    for way in ("before", "after"):
        items = pieces.group_by("row_no", way, maintain_order=True).agg(item=pl.col("piece").str.join(part.separator).str.strip_chars())
        items = items.with_columns(is_whole=pl.col("item").str.contains(part.pattern).all().over("row_no"))
        ways.append(items.select("row_no", "item", "is_whole"))
    before, after = ways
    better = after.filter("is_whole").join(before.filter("is_whole").select("row_no"), on="row_no", how="anti", maintain_order="left")
    chosen = pl.concat([before.join(better.select("row_no"), on="row_no", how="anti", maintain_order="left"), better])
    groups = chosen.select("row_no", groups=pl.col("item").str.extract_groups(part.pattern))
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("row_no")
    return groups.select("row_no", number.alias(ITEM), *(_group(name) for name in part.names))


def _group(name: str) -> pl.Expr:
    text = pl.col("groups").struct.field(name).str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def _problem(mapping: Mapping, part: ItemsPart) -> pl.Expr:
    """What is wrong with the items of a record, in a sentence."""
    column = part.column.replace("{", "(").replace("}", ")")
    cell = pl.col(part.column.strip())
    unread = pl.all_horizontal(pl.col(name).is_null() for name in part.names).any().over("row_no") & cell.is_not_null()
    sentence = pl.format(f"The items '{{}}' in column {column} cannot be read by items.pattern: mend them.", cell.str.slice(0, 100))
    problem = pl.when(unread).then(sentence)
    source = mapping.columns.quantity
    if part.total is None or len(source.columns) != 1 or source.columns[0] not in part.names:
        return problem
    numbers = (mapping.formats.decimal, mapping.formats.thousands)
    units = values.units(source.columns[0], *numbers).sum().over("row_no")
    total = values.units(part.total.strip(), *numbers)
    said = part.total.replace("{", "(").replace("}", ")")
    differ = pl.format(f"The items in column {column} are {{}} units, but column {said} says {{}}: mend one of them.", units, total)
    return problem.when((units != total) & cell.is_not_null()).then(differ)
