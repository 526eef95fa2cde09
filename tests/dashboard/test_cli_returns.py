"""`onhand returns`: its figures are those that a few lines of SQL give, and a mapped code moves them at once."""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from data_access.commands.returns import map_return_code
from data_access.engine import open_engine
from data_access.write.permissions import COMMAND_LINE
from tests.dashboard.commands import Call, caller
from tests.data_access.import_files import table


@pytest.fixture
def onhand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, demo_url: str) -> Call:
    """The `onhand` command, run in a folder of its own on the demo company."""
    monkeypatch.setenv("ONHAND_DATABASE_URL", demo_url)
    return caller(monkeypatch, capsys, tmp_path)


def test_its_figures_are_those_of_the_store(onhand: Call, demo_url: str) -> None:
    engine = open_engine(demo_url)
    shipped = Counter(dict(table(engine, "select channel_id, sum(shipped_quantity) from order_line group by 1")))
    came = Counter(dict(table(engine, "select return_reason, sum(quantity) from return_line group by 1")))
    refunds = {
        name: (refund, units)
        for name, refund, units in table(
            engine, "select currency, sum(refund), sum(quantity) from return_line where refund is not null group by 1"
        )
    }
    engine.dispose()
    report = json.loads(onhand("returns", "--json").out)
    assert report["totals"]["units_shipped"] == shipped.total()
    assert report["totals"]["units_returned"] == came.total()
    assert {row["group"]: row["units_returned"] for row in report["rows"]} == dict(came)
    assert {name: tuple(both) for name, both in report["totals"]["refunds"].items()} == refunds
    ours = came.total() - sum(came[name] for name in ("changed_mind", "undeliverable", "abuse", "none_given"))
    assert report["totals"]["controllable_units"] == ours
    by_channel = json.loads(onhand("returns", "--by", "channel", "--json").out)
    assert {row["group"]: row["units_shipped"] for row in by_channel["rows"]} == dict(shipped)


def test_a_selection_is_told_in_sentences(onhand: Call) -> None:
    ended = onhand("returns", "--channel", "shop", "--since", "2026-01-01", "--until", "2026-06-30", "--by", "category")
    assert ended.code == 0
    first, second, *rows = ended.out.splitlines()
    assert " units shipped were returned: " in first
    assert second.startswith("Refunds are known of ")
    assert all(" of returns" in row for row in rows)
    nothing = onhand("returns", "--since", (date(2026, 9, 30) + timedelta(days=14)).isoformat())
    assert nothing.out == "Nothing was shipped.\n"


def test_a_code_that_is_mapped_moves_all_its_returns_at_once(onhand: Call, demo_url: str) -> None:
    engine = open_engine(demo_url)
    ((units,),) = table(engine, "select sum(quantity) from return_line where channel_id = 'shop' and reason_code = 'changed mind'")
    before = {row["group"]: row["units_returned"] for row in json.loads(onhand("returns", "--json").out)["rows"]}
    map_return_code(engine, "shop", "changed mind", "wrong_item.extra_item", COMMAND_LINE)
    engine.dispose()
    after = {row["group"]: row["units_returned"] for row in json.loads(onhand("returns", "--json").out)["rows"]}
    assert units > 0
    assert after == {**before, "changed_mind": before["changed_mind"] - units, "wrong_item": before["wrong_item"] + units}


def test_a_channel_that_never_sent_a_return_is_in_no_rate(onhand: Call, demo_url: str) -> None:
    engine = open_engine(demo_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("delete from return_line where channel_id = 'shop'")
    ((shipped,),) = table(engine, "select sum(shipped_quantity) from order_line where channel_id <> 'shop'")
    engine.dispose()
    report = json.loads(onhand("returns", "--by", "channel", "--json").out)
    assert report["channels_without_returns"] == ["shop"]
    assert report["totals"]["units_shipped"] == shipped
    assert "shop" not in {row["group"] for row in report["rows"]}
    assert onhand("returns").out.startswith("No data of returns: shop. What they shipped is in no rate; bring their returns")
