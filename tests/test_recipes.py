"""The recipes of CONTRIBUTING: what they say to write works, with no other file touched.

Each recipe's code is taken from CONTRIBUTING.md itself (blocks that begin with a comment naming their file), written into a copy of the
project, and used there by a process of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_access.store.lifecycle import head_revision

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dashboard", "data_access", "forecasting", "pages", ".streamlit")
BLOCK = re.compile(r"^```\w+\n# (?P<path>[\w./-]+?)(?P<place>, [\w ]+)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
END_OF_PAGES = ')\n"""As the navigation has them'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project that a recipe may change."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def follow(copy: Path, *paths: str) -> None:
    """Write what CONTRIBUTING says stands in these files."""
    blocks = {match["path"]: match for match in BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))}
    for path in paths:
        block, target = blocks[path], copy / path
        text = block["text"].replace('"HEAD"', f'"{head_revision()}"')
        if block["place"] == ", the last entry of PAGES":
            text = target.read_text(encoding="utf-8").replace(END_OF_PAGES, text + END_OF_PAGES)
        elif block["place"] == ", at its end":
            text = target.read_text(encoding="utf-8") + "\n" + text
        else:
            assert not target.exists()
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent.parent.name == "dashboard":
                (target.parent / "__init__.py").touch()
        target.write_text(text, encoding="utf-8")


def run(copy: Path, *arguments: str, **settings: str) -> str:
    """What Python prints that runs in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", **settings}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


EVENT = """
import sqlalchemy as sa
import data_access
from data_access.engine import open_engine, writing
from data_access.events.ingest import ingest
from data_access.events.registry import KINDS, parse
from data_access.queries.verification.verify import verify
from data_access.schema.catalog import location, product
from data_access.schema.stock import stock_level
from data_access.store.lifecycle import migrate

engine = open_engine("sqlite:///recipe.db")
print(data_access.__path__[0], migrate(engine))
with writing(engine) as connection:
    connection.execute(sa.insert(product), {"sku": "A-1", "name": "A", "category": "c"})
    place = {"name": "Main", "kind": "warehouse", "country": "DE", "region": None, "time_zone": "Europe/Berlin"}
    connection.execute(sa.insert(location), {"location_id": "main", **place})
own = {"source": "test", "received_at": 10, "location_id": "main"}
count = {"kind": "count", "event_id": "1", "occurred_at": 1, "lines": [{"sku": "A-1", "quantity": 10}], **own}
damage = {"kind": "damage", "event_id": "2", "occurred_at": 2, "lines": [{"sku": "A-1", "quantity": 3}], **own}
print(*(outcome.status for outcome in ingest(engine, [parse(damage), parse(count)])))
with engine.connect() as connection:
    print(*connection.execute(sa.select(stock_level.c.on_hand, stock_level.c.unsellable)).one())
print(verify(engine).differences, KINDS["damage"].label)
"""


def test_an_event_kind_is_its_module_and_its_migration(copy: Path) -> None:
    follow(copy, "data_access/events/kinds/stock/damage.py", "data_access/migrations/versions/0099_damage.py")
    assert run(copy, "-c", EVENT).splitlines() == [f"{copy / 'data_access'} 0099", "applied applied", "10 3", "0 Damage"]


def test_a_metric_is_an_entry_of_the_registry(copy: Path, demo_today_url: str) -> None:
    follow(copy, "data_access/domain/scorecards/registry.toml")
    printed = run(copy, "-m", "dashboard.cli", "scorecard", "--json", ONHAND_DATABASE_URL=demo_today_url, ONHAND_VAR_DIR=str(copy / "var"))
    cards = [card for card in json.loads(printed) if card["metric_id"] == "own-late-shipment-7d"]
    assert sorted(card["channel_id"] for card in cards) == ["retail", "shop"]  # those of the demo without a marketplace
    assert {card["name"] for card in cards} == {"Late shipment rate, 7 days"}
    assert {card["channel_id"]: card["state"] == "no data" for card in cards} == {"retail": True, "shop": False}
    assert next(card["denominator"] for card in cards if card["channel_id"] == "shop") > 0


PAGE = """
from streamlit.testing.v1 import AppTest
from dashboard.shell import links

page = AppTest.from_file("pages/places.py", default_timeout=60).run()
assert not page.exception, page.exception
print(page.title[0].value, page.dataframe[0].value["units"].sum() > 0, links.page("places").title)
import os, sys
sys.stdout.flush()
os._exit(0)  # the poller goes on
"""


def test_a_page_is_its_files_and_its_entry(copy: Path, demo_today_url: str) -> None:
    follow(copy, "dashboard/places/reads.py", "dashboard/places/tables.py", "pages/places.py", "dashboard/shell/links.py")
    printed = run(copy, "-c", PAGE, ONHAND_DATABASE_URL=demo_today_url, ONHAND_VAR_DIR=str(copy / "var"))
    assert printed.splitlines() == ["What lies where? True Places"]


SOURCES = """
from dashboard.shell.attention import entries, sources
print(*(source.__name__ for source in sources()))
from dashboard.places import attention, reads
import polars as pl
reads.units = lambda: pl.DataFrame({"name": ["A", "B", "C"], "units": [0, 5, 0]})
print(*(entry.sentence for entry in attention.entries()))
"""


def test_an_attention_source_is_its_module(copy: Path) -> None:
    follow(copy, "dashboard/places/reads.py", "dashboard/places/attention.py", "dashboard/shell/links.py")
    assert run(copy, "-c", SOURCES).splitlines() == [
        " ".join(
            f"dashboard.{subject}.attention" for subject in ("stock", "inbox", "scorecards", "inspection", "returns", "places", "jobs_page")
        ),
        "2 locations are empty",
    ]


def test_a_job_is_its_module(copy: Path, demo_today_url: str) -> None:
    follow(copy, "dashboard/jobs/scheduled/parked_events.py")
    settings = {"ONHAND_DATABASE_URL": demo_today_url, "ONHAND_VAR_DIR": str(copy / "var")}
    printed = run(copy, "-m", "dashboard.cli", "jobs", "run", "parked_events", **settings)
    assert "events wait." in printed
    listed = {job["job"]: job for job in json.loads(run(copy, "-m", "dashboard.cli", "jobs", "--json", **settings))}
    assert listed["parked_events"]["title"] == "Parked events"
    assert listed["parked_events"]["status"] == "done"
