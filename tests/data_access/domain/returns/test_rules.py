"""Rules for returns by hand: the closest one holds; windows end by the calendar of the channel, also where clocks change."""

from datetime import UTC, datetime

import polars as pl
import pytest

from data_access.domain.returns.rules import OWN_RULES, RULE, days_outside, defaults, load, problems, with_rules
from data_access.errors import InvalidInput

TIMES = ("requested_at", "received_at", "delivered_at", "shipped_at")
BERLIN = {"web": "Europe/Berlin"}
_REST = 'needs_approval = false\nsource = ""\nas_of = 2026-01-01\ngrade = "A"'


def kinds(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"channel_id": pl.String, "category": pl.String, "marketplace": pl.String}, orient="row")


def own(*rows: tuple[str | None, str | None, int | None, int, str]) -> pl.DataFrame:
    return pl.DataFrame([(*row, 10, True) for row in rows], schema=OWN_RULES, orient="row")


def outside(window: int | None, zone: dict[str, str] | None = None, **times: str) -> int | None:
    """Of one return of the web shop, its times in UTC."""
    at = {name: datetime.fromisoformat(f"{times[name]}+00:00") if name in times else None for name in TIMES}
    row = pl.DataFrame(
        {"channel_id": ["web"], "window_days": [window], **{name: [at[name]] for name in TIMES}},
        schema={"channel_id": pl.String, "window_days": pl.Int64, **dict.fromkeys(TIMES, pl.Datetime("us", "UTC"))},
    )
    days = days_outside(row, BERLIN if zone is None else zone)[0]
    return None if days is None else int(days)


def test_the_closest_rule_holds() -> None:
    rows = kinds(("web", "Toys", None), ("web", "Beds", None), ("amz", "Toys", "amazon"), ("amz", "Beds", "amazon"), ("ebay", None, "ebay"))
    rules = own(("web", "Toys", 7, 1, "sealed"), ("web", None, None, 3, "clean"), (None, "Toys", 60, 5, "complete"))
    assert with_rules(rows, rules, defaults()).select(*rows.columns, *RULE.names()).select("window_days", "inspect_days").rows() == [
        (7, 1),
        (None, 3),
        (60, 5),
        (30, 2),
        (14, 2),
    ]
    for_all = with_rules(rows, own((None, None, 90, 9, "")), defaults())
    assert set(for_all.select(RULE.names()).rows()) == {(90, 9, "", 10, True)}
    assert with_rules(rows.clear(), rules, defaults()).is_empty()


def test_a_window_counts_days_after_delivery() -> None:
    assert outside(14, delivered_at="2026-05-01T12:00", requested_at="2026-05-15T20:00") is None
    assert outside(14, delivered_at="2026-05-01T12:00", requested_at="2026-05-16T08:00") == 1
    assert outside(0, delivered_at="2026-05-01T06:00", requested_at="2026-05-01T07:00") is None
    assert outside(None, delivered_at="2020-05-01T06:00", requested_at="2026-05-01T07:00") is None


def test_without_delivery_it_counts_from_shipping_and_without_request_to_receipt() -> None:
    assert outside(14, shipped_at="2026-05-01T12:00", requested_at="2026-05-20T08:00") == 5
    assert outside(14, delivered_at="2026-05-01T12:00", received_at="2026-05-20T08:00") == 5
    assert outside(14, requested_at="2026-05-20T08:00") is None  # of a purchase that is not known


def test_days_are_those_of_the_channel() -> None:
    late_evening = {"delivered_at": "2026-05-01T21:30", "requested_at": "2026-05-15T22:30"}  # the 1st and the 16th in Berlin
    assert (outside(14, **late_evening), outside(14, {}, **late_evening)) == (1, None)


@pytest.mark.parametrize(("delivered", "asked"), [("2026-03-28T23:30", "2026-04-12T22:30"), ("2026-10-24T22:30", "2026-11-08T23:30")])
def test_clocks_that_change_add_no_day(delivered: str, asked: str) -> None:
    # the 29th of March to the 13th of April, and the 25th of October to the 9th of November: 15 days in Berlin
    assert outside(15, delivered_at=delivered, requested_at=asked) is None
    assert outside(14, delivered_at=delivered, requested_at=asked) == 1


def test_a_request_before_delivery_is_in_time() -> None:
    assert outside(14, delivered_at="2026-05-10T12:00", requested_at="2026-05-01T12:00") is None


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ((-1, 2, "", 14), "window_days"),
        ((14, -1, "", 14), "inspect_days"),
        ((14, None, "", 14), "inspect_days"),
        ((14, 2, "x" * 201, 14), "condition"),
        ((14, 2, "", 3_651), "refund_days"),
        ((14, 2, "", None), "refund_days"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: tuple[int | None, int | None, str, int | None], field: str) -> None:
    assert list(problems(*rule)) == [field]
    assert problems(None, 0, "x" * 200, 0) == {}


def test_what_comes_with_the_app_is_dated_and_graded() -> None:
    assert {one.marketplace for one in defaults()} >= {"*", "amazon"}
    assert all(one.source and one.grade in "ABC" and one.as_of <= datetime.now(UTC).date() for one in defaults())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x", "not readable TOML"),
        ("", "lacks one for '\\*'"),
        ('[[rule]]\nmarketplace = "*"', "lacks 'as_of'"),
        (
            '[[rule]]\nmarketplace = "*"\nwindow_days = -1\ninspect_days = 2\ncondition = ""\nrefund_days = 1\n' + _REST,
            "between 0 and 3650",
        ),
    ],
)
def test_a_list_that_cannot_be_says_where(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        load(text)
