"""Exports that are taken back, saved again by a spreadsheet, or written in the other of two layouts."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.commands.inbox import map_listing
from data_access.errors import InvalidInput
from data_access.imports.channel_files.channel_import import ChannelExport
from data_access.imports.channel_files.layouts import layout_of
from data_access.imports.channel_files.rows import channel_rows
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import read_records
from data_access.imports.places import ChosenPlaces
from data_access.imports.table_import import import_export
from data_access.imports.undo.preview import preview_undo
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, sound, table, write
from tests.data_access.imports.channel_files.exports import (
    FBA,
    LEVELS,
    OLD,
    STOCK_2023,
    STOCK_BY_PLACE,
    fba,
    line,
    picture,
    products,
    stock,
    take,
    variant,
)
from tests.data_access.imports.files.workbooks import write_xlsx


def test_an_import_of_products_with_counts_is_taken_back(company: Engine, tmp_path: Path) -> None:
    rows = (
        variant("shirt", "S-1", "5", "Shirt", "S"),
        picture("shirt"),
        variant("shirt", "S-2", "7", "", "M"),
        variant("hat", "H-1", "x", "Hat"),
    )
    first = take(company, tmp_path, "products", OLD, *rows, location="main")
    preview = preview_undo(company, first.import_run_id)
    assert (preview.kind, preview.counts, preview.failed, preview.stops) == ("products", 2, 1, [])
    undo_import(company, first.import_run_id, COMMAND_LINE)
    assert table(company, LEVELS) == []
    assert one(company, "select count(*) from product") == 2
    sound(company)
    again = take(company, tmp_path, "products", OLD, *rows, location="main")
    assert (again.imported, again.left_out, again.quarantined, again.counts) == (2, 1, 1, {"counts": 2})
    assert table(company, LEVELS) == [("main", "S-1", 5, 0), ("main", "S-2", 7, 0)]
    assert one(company, "select count(*) from inbox_item where status = 'open'") == 1
    with pytest.raises(InvalidInput, match="has been taken back already"):
        preview_undo(company, first.import_run_id)
    plain = take(company, tmp_path, "products", OLD, variant("cup", "C-3", title="Cup"))
    with pytest.raises(InvalidInput, match="only imports of orders and counts can be taken back"):
        preview_undo(company, plain.import_run_id)
    sound(company)


def test_rows_that_were_tried_again_are_taken_back_too(company: Engine, tmp_path: Path) -> None:
    products(company, tmp_path)
    result = take(company, tmp_path, "counts", FBA, fba("A-1", "5"), fba("Z-9", "4"), channel="fair", location="shop")
    map_listing(company, "fair", "Z-9", "B-2", COMMAND_LINE)
    assert table(company, LEVELS) == [("shop", "A-1", 5, 0), ("shop", "B-2", 4, 0)]
    undo_import(company, result.import_run_id, COMMAND_LINE)
    assert table(company, LEVELS) == []
    again = take(company, tmp_path, "counts", FBA, fba("A-1", "5"), fba("Z-9", "4"), channel="fair", location="shop")
    assert (again.imported, again.quarantined) == (2, 0)
    sound(company)


UNITS = st.none() | st.integers(0, 50)
STOCK = st.dictionaries(st.sampled_from(["A-1", "B-2", "C-3"]), st.tuples(UNITS, UNITS), min_size=1)


@settings(max_examples=30, deadline=None)
@given(held=STOCK, draw=st.data())
def test_both_layouts_of_one_stock_give_the_same_counts(
    tmp_path_factory: pytest.TempPathFactory, held: dict[str, tuple[int | None, int | None]], draw: st.DataObject
) -> None:
    cells = {"Handle": "h", "Title": "Thing", "Option1 Value": "Default Title"}
    wide, tall = [], []
    for sku, units in held.items():
        words = ["not stocked" if one is None else str(one) for one in units]
        wide.append(line(STOCK_BY_PLACE, {**cells, "SKU": sku, "Main hall": words[0], "shop": words[1]}))
        for header_place, word in zip(("Main hall", "shop"), words, strict=True):
            tall.append(stock(STOCK_2023, sku, header_place, unavailable="0", committed="0", available=word, on_hand=word))
    expected = counted(wide, STOCK_BY_PLACE, tmp_path_factory.mktemp("wide"))
    assert counted(draw.draw(st.permutations(tall)), STOCK_2023, tmp_path_factory.mktemp("tall")) == expected
    places = [(sku, place, units) for sku, both in held.items() for place, units in zip(("Main hall", "shop"), both, strict=True)]
    assert expected == sorted((sku, place, units) for sku, place, units in places if units is not None)


def counted(rows: list[str], header: str, folder: Path) -> list[tuple[str, str, int]]:
    """SKU, location and units of the sellable counts of a file; no row is bad."""
    path = write(folder / "c.csv", header, *rows)
    file = layout_of(path, "counts", "auto")
    frame = channel_rows(read_records(path, FilePart(), file.wanted), file)
    assert frame["code"].drop_nulls().to_list() == []
    counts = frame.filter(~pl.col("is_aside")).select("external_sku", "counts").explode("counts").unnest("counts")
    return sorted(counts.filter(state="sellable").select("external_sku", "place", "quantity").rows())


def test_a_file_saved_again_by_a_spreadsheet_is_the_same(company: Engine, tmp_path: Path) -> None:
    rows = [variant("shirt", "S-1", "5", "Shirt; plain", "S"), picture("shirt"), variant("shirt", "S-2", "7", "", "M")]
    as_of = "2026-11-16T10:00Z"
    take(company, tmp_path, "products", OLD, *rows, location="main", as_of=as_of)
    cells = [row.split(",") for row in (OLD, *rows)]
    write_xlsx(tmp_path / "p.xlsx", ("Products", cells))
    (tmp_path / "p.txt").write_text("\n".join("\t".join(row) for row in [cells[0], *reversed(cells[1:])]), encoding="utf-16")
    for name in ("p.xlsx", "p.txt"):
        export = ChannelExport(path=tmp_path / name, kind="products", places=ChosenPlaces("web", "main"), as_of=as_of)
        result = import_export(company, export)
        assert (result.duplicates, result.left_out, result.rows_read) == (2, 1, 3), name
    sound(company)
