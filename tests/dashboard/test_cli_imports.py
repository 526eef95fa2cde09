"""The `onhand` command: importing files, and what becomes of them."""

import io
import json
from pathlib import Path

import pytest

from tests.dashboard.commands import Call, caller, import_company, products_file, refused, waiting_in_inbox
from tests.data_access.import_files import HEADER, mapping, row, write


@pytest.fixture
def onhand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """The `onhand` command, run in a folder of its own."""
    return caller(monkeypatch, capsys, tmp_path)


def test_products_are_imported_once(onhand: Call, store_url: str, tmp_path: Path) -> None:
    first = onhand("import", "products", products_file(tmp_path), "--json", url=store_url)
    assert (first.code, first.err) == (0, "")
    report = json.loads(first.out)
    assert (report["rows_read"], report["imported"], report["updated"], report["duplicates"], report["quarantined"]) == (1, 1, 0, 0, 0)
    again = json.loads(onhand("import", "products", tmp_path / "products.csv", "--json", url=store_url).out)
    assert (again["rows_read"], again["imported"], again["duplicates"]) == (1, 0, 1)


def test_a_row_put_aside_is_mended_and_retried(onhand: Call, store_url: str, tmp_path: Path) -> None:
    import_company(onhand, tmp_path, store_url)
    assert waiting_in_inbox(onhand, store_url) == {}
    (tmp_path / "listings.csv").write_text("channel_id,external_sku,sku\nshop,X-1,A-1\nshop,X-2,A-l\nshop,X-3,A-9\n")
    ended = onhand("import", "listings", tmp_path / "listings.csv", url=store_url)
    assert ended.out.endswith("`onhand inbox list` shows the rows that failed to import.\n")
    assert waiting_in_inbox(onhand, store_url) == {"row": 2}
    assert "X-2" in onhand("inbox", "list", url=store_url).out

    out = tmp_path / "aside.csv"
    assert onhand("inbox", "export", out, url=store_url).out == f"Wrote 2 rows to {out}.\n"
    first, second = json.loads(onhand("inbox", "list", "--json", url=store_url).out)["items"]
    header, *rows = out.read_text().splitlines()
    assert header == "onhand_row,channel_id,external_sku,sku"
    assert rows == [f"{first['id']},shop,X-2,A-l", f"{second['id']},shop,X-3,A-9"]
    mended = onhand("inbox", "mend", first["id"], "--text", "shop,X-2,A-1", "--version", first["version"], url=store_url)
    assert (mended.code, mended.out) == (0, f"Mended {first['id']}.\n")
    stale = onhand("inbox", "mend", first["id"], "--text", "shop,X-2,A-2", "--version", first["version"], url=store_url)
    assert len(refused(stale)) > 20
    retried = onhand("inbox", "retry", first["id"], second["id"], url=store_url)
    assert (retried.code, retried.out) == (0, "1 taken in, 1 still wait.\n")
    gone = onhand("inbox", "dismiss", second["id"], "--why", "no such product", url=store_url)
    assert (gone.code, gone.out) == (0, "Dismissed 1.\n")
    assert waiting_in_inbox(onhand, store_url) == {}
    assert str(second["id"]) in refused(onhand("inbox", "dismiss", second["id"], "--why", "again", url=store_url))


def test_imports_are_listed_with_what_was_ignored(onhand: Call, store_url: str, tmp_path: Path) -> None:
    assert onhand("import", "runs", url=store_url).out == "Nothing has been imported yet.\n"
    assert "`onhand import runs` lists them" in refused(onhand("import", "ignored", 7, url=store_url))
    path = mapping(tmp_path)
    for number, state in enumerate(("Shipped", "Open")):
        file = write(tmp_path / f"{number}.csv", HEADER, row("1", "a", "MUG", status=state))
        report = onhand("import", "orders", file, "--mapping", path, url=store_url).out
    first, second = json.loads(onhand("import", "runs", "--json", url=store_url).out)[::-1]
    assert (first["file_name"], first["rows_read"], first["imported"], second["ignored"]) == ("0.csv", 1, 1, 1)
    assert f"`onhand import ignored {second['import_run_id']}` shows what was not taken as a change." in report
    said = "Line 2, order 1: The row says that nothing has left, and 1 unit had: what happened stands.\n"
    assert onhand("import", "ignored", second["import_run_id"], url=store_url).out == said
    assert onhand("import", "ignored", first["import_run_id"], url=store_url).out == "No row was ignored.\n"
    assert onhand("import", "runs", url=store_url).out.startswith(f"import run id {second['import_run_id']}, kind orders, file name 1.csv")


def test_a_channel_s_export_of_products_is_imported(onhand: Call, store_url: str, tmp_path: Path) -> None:
    import_company(onhand, tmp_path, store_url)
    header = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Image Src"
    file = write(tmp_path / "export.csv", header, "mug,Mug,M-1,shopify,7,", "mug,,,,,https://pictures.example/1.jpg")
    said = refused(onhand("import", "products", file, "--channel", "shop", url=store_url))
    assert said == "--channel, --location and --as-of are for exports of channels: add --mapping auto."
    options = ("--mapping", "auto", "--channel", "shop", "--location", "wh", "--json")
    report = json.loads(onhand("import", "products", file, *options, url=store_url).out)
    assert [report[name] for name in ("rows_read", "imported", "left_out", "listings", "counts")] == [2, 1, 1, 1, 1]
    assert "import it with `onhand import products`" in refused(onhand("import", "counts", file, "--mapping", "auto", url=store_url))


def test_an_import_is_taken_back_after_it_was_shown(onhand: Call, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "orders.csv", HEADER, row("1", "a", "MUG", 2), row("1", "b", "CUP", status="Shipped"))
    report = json.loads(onhand("import", "orders", file, "--mapping", mapping(tmp_path), "--json", url=store_url).out)
    run = report["import_run_id"]
    shown = json.loads(onhand("import", "undo", run, "--json", url=store_url).out)
    assert {name: shown[name] for name in ("orders", "lines", "open_lines", "shipments", "overwritten", "stops")} == {
        "orders": 1,
        "lines": 2,
        "open_lines": 1,
        "shipments": 1,
        "overwritten": 0,
        "stops": [],
    }
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    declined = onhand("import", "undo", run, url=store_url)
    assert declined.out.startswith(
        f"Import {run} of orders, orders.csv, complete. Taking it back\n  removes 1 orders, 2 lines, 1 shipments"
    )
    assert json.loads(onhand("import", "runs", "--json", url=store_url).out)[0]["status"] == "complete"
    done = onhand("import", "undo", run, "--yes", url=store_url)
    assert done.code == 0
    assert done.out.endswith(f"Import {run} is taken back: 2 rows; 0 events that waited for it were applied.\n")
    assert onhand("verify", url=store_url).out.startswith("0 differences")
    assert "has been taken back already" in refused(onhand("import", "undo", run, "--yes", url=store_url))
    again = json.loads(onhand("import", "orders", file, "--mapping", mapping(tmp_path), "--json", url=store_url).out)
    assert (again["imported"], again["duplicates"]) == (2, 0)
