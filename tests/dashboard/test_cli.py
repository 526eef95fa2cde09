"""The `onhand` command: what each does at a terminal, and the one sentence for what a person can cause."""

import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from dashboard import cli
from dashboard.cli.terminal import printable
from dashboard.cli.users import Role
from dashboard.settings import settings
from data_access.engine import open_engine
from data_access.events.ingest import ingest_json
from data_access.schema.audit import store_meta
from data_access.schema.users import ROLES
from tests.data_access.import_files import HEADER, mapping, row, write
from tests.data_access.revisions import upgrade_to


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def onhand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the command in this process, in a folder of its own, on the store at `url`."""

    def call(*arguments: object, url: str | None = None) -> Ended:
        monkeypatch.chdir(tmp_path)
        if url is not None:
            monkeypatch.setenv("ONHAND_DATABASE_URL", url)
        monkeypatch.setattr(sys, "argv", ["onhand", *map(str, arguments)])
        settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        settings.cache_clear()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return call


def refused(ended: Ended) -> str:
    """The one sentence of a refusal."""
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    return ended.err.strip()


def test_help_is_quick() -> None:
    heavy = ("sqlalchemy", "polars", "pydantic", "streamlit", "numpy", "rich")
    script = f"import sys, dashboard.cli; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_a_command_it_shows_help(onhand: Call) -> None:
    ended = onhand()
    assert "Live stock by channel and location" in ended.out + ended.err


def test_an_unknown_option_is_refused(onhand: Call) -> None:
    ended = onhand("verify", "--nonsense")
    assert (ended.code, ended.out) == (2, "")
    assert "No such option: --nonsense" in ended.err


def test_migrate_makes_an_empty_store_that_verifies(onhand: Call, empty_url: str) -> None:
    migrated = onhand("migrate", url=empty_url)
    assert migrated.code == 0
    assert migrated.out.endswith("is at revision 0010.\n")
    assert onhand("migrate", url=empty_url).code == 0
    checked = onhand("verify", "--json", url=empty_url)
    assert checked.code == 0
    report = json.loads(checked.out)
    assert report["differences"] == 0
    assert onhand("verify", url=empty_url).out.startswith("0 differences; checked ")


def test_the_mirror_is_made_kept_up_to_date_and_verified(onhand: Call, demo_url: str, tmp_path: Path) -> None:
    assert json.loads(onhand("verify", "--json", url=demo_url).out)["mirror"] is None
    mirrored = json.loads(onhand("mirror", "--json").out)
    assert (mirrored["rebuilt"], mirrored["folder"]) == (True, "var/mirror")
    assert mirrored["rows"]["line"] > mirrored["rows"]["order"] > 1_000
    assert onhand("mirror").out.startswith("0 orders had changed, 0 files were rewritten; the mirror in var/mirror has ")
    assert onhand("mirror", "--rebuild").out.startswith("Read everything again; ")
    checked = json.loads(onhand("verify", "--json").out)["mirror"]
    assert checked.pop("day_cells") > 100
    assert checked == {"differences": 0, "rows": sum(mirrored["rows"].values()), "first_differences": []}
    earlier, later = sorted((tmp_path / "var" / "mirror" / "order").glob("2026-0[67].2.*.parquet"))
    shutil.copyfile(earlier, later)
    ended = onhand("verify")
    assert ended.code == 1
    assert "fact order" in ended.out


def test_a_backup_is_restored_and_what_was_there_is_kept(onhand: Call, sqlite_url: str, tmp_path: Path) -> None:
    path, backup = tmp_path / "store.db", tmp_path / "backup.db"
    shutil.copyfile(path, backup)
    ended = onhand("restore", backup, url=sqlite_url)
    kept = tmp_path / "store.db.before-restore"
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"Restored {path} from {backup}.\nThe store that was there is kept as {kept}, until the next restore.\n"
    backup.unlink()
    older = open_engine(f"sqlite:///{backup}")
    with older.begin() as connection:
        upgrade_to(connection, "0007")
    older.dispose()
    assert onhand("restore", backup).out.endswith("It is of an older release (revision 0007): run `onhand migrate`.\n")
    assert onhand("migrate").code == 0
    assert refused(onhand("restore", "none.db")) == "There is no file none.db: name a backup of a store."


def test_verify_tells_differences(onhand: Call, demo_url: str) -> None:
    engine = open_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update stock_level set on_hand = on_hand + 1 where rowid = (select min(rowid) from stock_level)")
    engine.dispose()
    ended = onhand("verify", "--json", url=demo_url)
    assert ended.code == 1
    report = json.loads(ended.out)
    assert report["differences"] == 1
    assert len(report["rows"]) == 1


def test_without_a_store_it_says_how_to_make_one(onhand: Call, empty_url: str) -> None:
    sentence = refused(onhand("verify", url=empty_url))
    assert sentence.startswith("There is no store at ")
    assert sentence.endswith("run `onhand migrate` for an empty one, or `onhand demo` for a demo.")


def test_a_newer_store_is_refused(onhand: Call, store_url: str) -> None:
    engine = open_engine(store_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    engine.dispose()
    for command in (["verify"], ["migrate"], ["live"], ["serve"], ["run", "--port", "18999"]):
        sentence = refused(onhand(*command, url=store_url))
        assert "is of a newer release (revision 9999) than this code" in sentence
        assert sentence.endswith("update OnHand.")


def test_an_unreachable_database_is_one_sentence(onhand: Call) -> None:
    sentence = refused(onhand("verify", url="postgresql://someone:secret@127.0.0.1:1/onhand"))
    assert sentence.endswith("cannot be reached: check that it runs and that ONHAND_DATABASE_URL is right.")
    assert "secret" not in sentence


@pytest.mark.parametrize("url", ["nonsense", "mysql://here/there"])
def test_an_address_that_is_none_is_refused(onhand: Call, url: str) -> None:
    assert "The database address" in refused(onhand("verify", url=url))


def test_a_file_that_is_no_database_is_refused_and_kept(onhand: Call, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as one" * 50)
    before = path.read_bytes()
    assert "is not an OnHand store" in refused(onhand("migrate", url=f"sqlite:///{path}"))
    assert path.read_bytes() == before


def test_another_program_s_database_is_refused_and_kept(onhand: Call, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("create table theirs (id integer)")
    other.close()
    assert "holds tables that are not OnHand's" in refused(onhand("migrate", url=f"sqlite:///{path}"))


def test_a_folder_that_cannot_be_made_is_refused(onhand: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refused(onhand("migrate", url=f"sqlite:///{tmp_path}/file/below/onhand.db"))


def test_a_read_only_store_is_refused(onhand: Call, postgres_url: str, postgres_server: str, tmp_path: Path) -> None:
    name = postgres_url.split("/t_")[1].split("?")[0]
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'alter database "t_{name}" set default_transaction_read_only = on')
    sentence = refused(onhand("import", "products", _products(tmp_path), url=postgres_url))
    assert "is read-only: give write permission" in sentence


def _products(folder: Path) -> Path:
    path = folder / "products.csv"
    path.write_text("sku,name,category\nA-1,Kettle,kitchen\n")
    return path


def test_a_wrong_setting_is_refused(onhand: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONHAND_PORT", "high")
    assert refused(onhand("migrate")).startswith("The setting port is wrong (input should be a valid integer")
    monkeypatch.delenv("ONHAND_PORT")
    (tmp_path / "onhand.toml").write_text("prot = 1\n")
    assert refused(onhand("migrate")).startswith("The setting prot is wrong")
    (tmp_path / "onhand.toml").write_text("port = \n")
    assert refused(onhand("migrate")).startswith("The file onhand.toml is not valid TOML")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "onhand.toml").write_text("port = 9000\nhost = '::1'\n")
    monkeypatch.setenv("ONHAND_PORT", "9001")
    settings.cache_clear()
    assert (settings().port, settings().host, str(settings().var_dir)) == (9001, "::1", "var")
    settings.cache_clear()


def test_demo_never_replaces_an_own_store(onhand: Call, store_url: str) -> None:
    for more in ([], ["--replace"]):
        assert "is not a demo and is never replaced" in refused(onhand("demo", *more, url=store_url))


def test_demo_replaces_a_demo_only_with_the_option(onhand: Call, demo_url: str) -> None:
    assert refused(onhand("demo", url=demo_url)).endswith("run `onhand demo --replace` to make it again (its events are lost).")


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
def test_demo_refuses_a_day_that_is_none(onhand: Call, day: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    assert refused(onhand("demo", "--as-of", day, url=url)) == f"The day {day} cannot be read: write it as YYYY-MM-DD."
    assert not (tmp_path / "demo.db").exists()


def test_live_refuses_an_own_store(onhand: Call, store_url: str) -> None:
    assert refused(onhand("live", url=store_url)).startswith("This store is your own, and live events are invented")


def test_a_missing_file_is_refused(onhand: Call, store_url: str, tmp_path: Path) -> None:
    for command in (["orders", "gone.csv", "--mapping", "online-retail"], ["products", "gone.csv"]):
        assert "gone.csv" in refused(onhand("import", *command, url=store_url))


def test_an_unknown_mapping_is_refused(onhand: Call, store_url: str, tmp_path: Path) -> None:
    assert "nonsense" in refused(onhand("import", "orders", _products(tmp_path), "--mapping", "nonsense", url=store_url))


def test_products_are_imported_once(onhand: Call, store_url: str, tmp_path: Path) -> None:
    first = onhand("import", "products", _products(tmp_path), "--json", url=store_url)
    assert (first.code, first.err) == (0, "")
    report = json.loads(first.out)
    assert (report["rows_read"], report["imported"], report["updated"], report["duplicates"], report["quarantined"]) == (1, 1, 0, 0, 0)
    again = json.loads(onhand("import", "products", tmp_path / "products.csv", "--json", url=store_url).out)
    assert (again["rows_read"], again["imported"], again["duplicates"]) == (1, 0, 1)


def _waiting(onhand: Call, url: str) -> dict[str, int]:
    inbox = json.loads(onhand("inbox", "list", "--json", url=url).out)
    return {row["what"]: row["waiting"] for row in inbox["counts"]}


def _company(onhand: Call, folder: Path, url: str) -> None:
    """A channel, a location and a product, imported."""
    files = {
        "products": "sku,name,category\nA-1,Kettle,kitchen\n",
        "channels": "channel_id,name,kind,currency,time_zone\nshop,Web shop,webstore,EUR,UTC\n",
        "locations": "location_id,name,kind\nwh,Warehouse,warehouse\n",
    }
    for kind, text in files.items():
        (folder / f"{kind}.csv").write_text(text)
        ended = onhand("import", kind, folder / f"{kind}.csv", url=url)
        assert (ended.code, ended.err) == (0, "")


def test_a_row_put_aside_is_mended_and_retried(onhand: Call, store_url: str, tmp_path: Path) -> None:
    _company(onhand, tmp_path, store_url)
    assert _waiting(onhand, store_url) == {}
    (tmp_path / "listings.csv").write_text("channel_id,external_sku,sku\nshop,X-1,A-1\nshop,X-2,A-l\nshop,X-3,A-9\n")
    ended = onhand("import", "listings", tmp_path / "listings.csv", url=store_url)
    assert ended.out.endswith("`onhand inbox list` shows the rows that failed to import.\n")
    assert _waiting(onhand, store_url) == {"row": 2}
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
    assert _waiting(onhand, store_url) == {}
    assert str(second["id"]) in refused(onhand("inbox", "dismiss", second["id"], "--why", "again", url=store_url))


def test_a_listing_is_mapped_and_an_event_is_given_up(onhand: Call, store_url: str, tmp_path: Path) -> None:
    _company(onhand, tmp_path, store_url)
    sale = {
        "kind": "sale",
        "source": "shop",
        "channel_id": "shop",
        "currency": "EUR",
        "occurred_at": "2026-03-01T10:00:00Z",
        "received_at": "2026-03-01T10:00:01Z",
    }
    lines = [
        json.dumps({**sale, "event_id": ref, "order_ref": ref, "lines": [{"line_ref": "1", "external_sku": listing, "quantity": 1}]})
        for ref, listing in (("1", "X-1"), ("2", "X-9"))
    ]
    engine = open_engine(store_url)
    ingest_json(engine, lines, "shop")
    engine.dispose()
    assert _waiting(onhand, store_url) == {"parked": 2, "listing": 2}
    assert "There is no SKU" in refused(onhand("inbox", "map", "shop", "X-1", "B-1", url=store_url))
    assert onhand("inbox", "map", "shop", "X-1", "A-1", url=store_url).code == 0
    (left,) = json.loads(onhand("inbox", "list", "--json", url=store_url).out)["parked"]
    assert left["waits_for"] == "listing:shop:X-9"
    assert onhand("inbox", "dismiss", left["id"], "--parked", "--why", "a test order", url=store_url).out == "Dismissed 1.\n"
    assert "parked" not in _waiting(onhand, store_url)
    assert json.loads(onhand("verify", "--json", url=store_url).out)["differences"] == 0


def test_ctrl_c_in_the_middle_of_making_a_demo_leaves_nothing_half_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    environment = {"ONHAND_DATABASE_URL": url, "ONHAND_VAR_DIR": str(tmp_path / "var"), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.cli", "demo"],
        env=environment,
        cwd=Path(cli.__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("demo.db.making*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert err == "Stopped. What was finished is kept; the same command goes on from there.\n"
    engine = open_engine(url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_an_unknown_error_keeps_its_traceback(onhand: Call, store_url: str) -> None:
    engine = open_engine(store_url)
    with engine.begin() as connection:
        connection.execute(sa.update(store_meta).values(value="{"))
    engine.dispose()
    with pytest.raises(json.JSONDecodeError):
        onhand("verify", url=store_url)


def test_users_are_managed(onhand: Call, empty_url: str) -> None:
    onhand("migrate", url=empty_url)
    assert onhand("users", "list").out.startswith("There are no users: everyone only looks.")
    assert onhand("users", "add", "olga", "--role", "ops").out == "olga is ops.\n"
    assert refused(onhand("users", "add", "olga", "--role", "ops")).startswith("There is a user 'olga' already")
    assert onhand("users", "role", "olga", "manager").out == "olga is manager now.\n"
    assert [(row["name"], row["role"]) for row in json.loads(onhand("users", "list", "--json").out)] == [("olga", "manager")]
    assert onhand("users", "list").out == "olga: manager\n"
    assert onhand("users", "remove", "olga").out == "olga is removed.\n"
    assert refused(onhand("users", "remove", "olga")) == "There is no user 'olga': see `onhand users list`."


def test_jobs_are_listed_and_run(onhand: Call, store_url: str) -> None:
    assert onhand("jobs", url=store_url).out.splitlines()[0].startswith("clean_up (Clean-up): next 20")
    done = onhand("jobs", "run", "clean_up", url=store_url)
    sentence = "Deleted: 0 entries of the change log, 0 old runs of jobs, the files of 0 unfinished forecasts."
    assert (done.code, done.out) == (0, f"Clean-up: {sentence}\n")
    first, *others = json.loads(onhand("jobs", "--json", url=store_url).out)
    assert (first["job"], first["status"], first["message"], first["runs"], first["failures"]) == ("clean_up", "done", sentence, 1, 0)
    assert [(row["job"], row["status"]) for row in others] == [("forecast", None), ("mirror", None), ("verification", None)]
    assert onhand("jobs", url=store_url).out.splitlines()[0].endswith(f" s. {sentence}")
    assert "There is no job “nonsense”" in refused(onhand("jobs", "run", "nonsense", url=store_url))


def test_the_roles_of_the_command_are_the_store_s() -> None:
    assert [role.value for role in Role] == list(ROLES)


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
    _company(onhand, tmp_path, store_url)
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


def test_what_is_printed_carries_nothing_that_a_terminal_obeys() -> None:
    assert printable("a\x1b[31mb\x07\u202ec\r\x9b2J") == r"a\x1b[31mb\x07\u202ec\x0d\x9b2J"
    assert printable("one\n\ttwo \u00dc \u6f22 \U0001f98a") == "one\n\ttwo \u00dc \u6f22 \U0001f98a"
