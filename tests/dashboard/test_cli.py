"""The `onhand` command: what each does at a terminal, and the one sentence for what a person can cause."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
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
from tests.dashboard.commands import Call, caller, import_company, products_file, refused, waiting_in_inbox
from tests.data_access.revisions import upgrade_to


@pytest.fixture
def onhand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """The `onhand` command, run in a folder of its own."""
    return caller(monkeypatch, capsys, tmp_path)


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
    assert migrated.out.endswith("is at revision 0015.\n")
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
    sentence = refused(onhand("import", "products", products_file(tmp_path), url=postgres_url))
    assert "is read-only: give write permission" in sentence


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
    assert "nonsense" in refused(onhand("import", "orders", products_file(tmp_path), "--mapping", "nonsense", url=store_url))


def test_a_listing_is_mapped_and_an_event_is_given_up(onhand: Call, store_url: str, tmp_path: Path) -> None:
    import_company(onhand, tmp_path, store_url)
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
    assert waiting_in_inbox(onhand, store_url) == {"parked": 2, "listing": 2}
    assert "There is no SKU" in refused(onhand("inbox", "map", "shop", "X-1", "B-1", url=store_url))
    assert onhand("inbox", "map", "shop", "X-1", "A-1", url=store_url).code == 0
    (left,) = json.loads(onhand("inbox", "list", "--json", url=store_url).out)["parked"]
    assert left["waits_for"] == "listing:shop:X-9"
    assert onhand("inbox", "dismiss", left["id"], "--parked", "--why", "a test order", url=store_url).out == "Dismissed 1.\n"
    assert "parked" not in waiting_in_inbox(onhand, store_url)
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


def test_what_is_printed_carries_nothing_that_a_terminal_obeys() -> None:
    assert printable("a\x1b[31mb\x07\u202ec\r\x9b2J") == r"a\x1b[31mb\x07\u202ec\x0d\x9b2J"
    assert printable("one\n\ttwo \u00dc \u6f22 \U0001f98a") == "one\n\ttwo \u00dc \u6f22 \U0001f98a"
