"""Approving and refusing a request: by who may, against what was seen; a refused decision changes nothing. On both databases."""

import json
from threading import Barrier, Thread

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.commands.return_requests import decide
from data_access.domain.events import OWN_SOURCE
from data_access.errors import ChangedMeanwhile, Forbidden, OnHandError, Refused
from data_access.events.ingest import ingest
from data_access.queries.returns.requests import expected
from data_access.queries.verification.verify import verify
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.events.test_ingest import rows_of_everything
from tests.data_access.events.test_return_life import BOUGHT, asked, came_in, closed, hour, refunded, sent_back
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company


@pytest.fixture
def shop(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("olga", "ops"), ("omar", "ops"), ("petra", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    ingest(store, [*BOUGHT, asked(4, 3)])
    return store


def case_of(engine: Engine) -> int:
    return int(expected(engine)["case_id"][0])


def decisions(engine: Engine) -> list[tuple[object, ...]]:
    return expected(engine).select("decision", "decision_reason").rows()


def test_it_is_approved_then_refused_and_the_last_holds(shop: Engine) -> None:
    one = case_of(shop)
    decide(shop, one, "approved", "", "olga")
    assert decisions(shop) == [("approved", None)]
    decide(shop, one, "refused", " worn ", "omar", "approved")
    assert decisions(shop) == [("refused", "worn")]
    entries = table(shop, "select actor, action, before, after, why from audit_entry where entity = 'return_case' order by at, id")
    assert [(actor, action, why) for actor, action, _, _, why in entries] == [
        ("olga", "decide_on_return", None),
        ("omar", "decide_on_return", "worn"),
    ]
    assert [json.loads(after)["decision"] for _, _, _, after, _ in entries] == ["approved", "refused"]
    assert json.loads(entries[1][2]) == json.loads(entries[0][3])
    events = table(shop, f"select kind, status from event where source = '{OWN_SOURCE}'")
    assert events == [("return_decided", "applied")] * 2
    assert verify(shop).rows == []


@pytest.mark.parametrize(
    ("decision", "reason", "actor", "seen", "error", "sentence"),
    [
        ("refused", " ", "olga", None, Refused, "Say why it is refused, in at most 200 characters"),
        ("approved", "x" * 201, "olga", None, Refused, "at most 200 characters"),
        ("approved", "", "petra", None, Forbidden, "may not inspect returns"),
        ("approved", "", "olga", "refused", ChangedMeanwhile, "Nothing was changed"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    shop: Engine, decision: str, reason: str, actor: str, seen: str | None, error: type[OnHandError], sentence: str
) -> None:
    before = rows_of_everything(shop)
    with pytest.raises(error, match=sentence):
        decide(shop, case_of(shop), "refused" if decision == "refused" else "approved", reason, actor, seen)
    assert rows_of_everything(shop) == before


def test_a_request_that_is_gone_is_said(shop: Engine) -> None:
    with pytest.raises(ChangedMeanwhile, match="not there any more"):
        decide(shop, 1, "approved", "", "olga")


def test_of_two_at_once_one_decides_and_the_other_is_told(shop: Engine) -> None:
    one, start, seen = case_of(shop), Barrier(2), []

    def work(name: str, is_approved: bool) -> None:
        start.wait()
        try:
            decide(shop, one, "approved" if is_approved else "refused", "so", name)
            seen.append("done")
        except ChangedMeanwhile as changed:
            seen.append(changed.by)

    threads = [Thread(target=work, args=(name, name == "olga")) for name in ("olga", "omar")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "done" in seen
    assert {"olga", "omar"} & set(seen)
    assert len(table(shop, "select id from audit_entry where entity = 'return_case'")) == 1


def test_a_request_is_expected_until_it_came_in_or_was_closed(shop: Engine) -> None:
    (row,) = expected(shop).iter_rows(named=True)
    shown = [row[name] for name in ("channel_id", "return_ref", "order_ref", "sku", "category", "units", "reason_code", "customer_note")]
    assert shown == ["web", "RMA-1", "o2", "A", "fruit", 3, "TOO_SMALL", "too tight"]
    assert (row["window_days"], row["refund_days"], row["needs_approval"], row["outside_days"]) == (14, 14, False, None)
    ingest(shop, [sent_back(5, 4, "B-1"), refunded(6, 5, 10_000)])
    (row,) = expected(shop).iter_rows(named=True)
    assert (row["carrier"], row["tracking_number"]) == ("DHL", "B-1")
    assert row["refunded_at"].timestamp() * 1_000_000 == hour(5)
    ingest(shop, [came_in(7, 6, 1, "parcel 1")])
    assert expected(shop).is_empty()


def test_a_closed_request_is_expected_no_more(shop: Engine) -> None:
    ingest(shop, [closed(5, 4)])
    assert expected(shop).is_empty()


def test_a_request_after_its_window_says_by_how_many_days(shop: Engine) -> None:
    late = asked(9, 24 * 20).model_copy(update={"return_ref": "RMA-2"})
    ingest(shop, [late])
    assert expected(shop).select("return_ref", "outside_days").rows() == [("RMA-1", None), ("RMA-2", 6)]
