"""What is flagged, since when, on what evidence; and that chance alone is not."""

from datetime import date, timedelta
from math import log10

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.domain.returns.beyond_chance import FADES, FLAGS, PAST, TIMES, YEAR, flags
from data_access.domain.returns.expected import WEEKS, expected_returns, known_returns
from data_access.domain.returns.units import RETURNED, SHIPPED
from tests.data_access.domain.returns.made_up import AS_OF, Fault, MadeUp, made_up

MONDAY = AS_OF - timedelta(days=AS_OF.weekday())
KEY = ["sku", "channel_id", "reason"]


def _weeks_ago(weeks: int) -> date:
    return MONDAY - timedelta(weeks=weeks)


def _small() -> MadeUp:
    """Four SKUs of a category on one channel, 100 units a week for 40 weeks, of which 1 comes back after 8 days; of `a` 6, in two rows, in
    4 weeks since 5 weeks ago.
    """
    shipped, returned = [], []
    for ago in range(1, 41):
        week = _weeks_ago(ago)
        for sku in "abcd":
            shipped.append((week, "shop", sku, 100))
            returned.append((week, week + timedelta(days=8), "shop", sku, "late", 1))
        if 2 <= ago <= 5:
            returned += [(week, week + timedelta(days=day), "shop", "a", "late", 1) for day in (4, 5, 6, 7, 9)]
    categories = pl.DataFrame({"sku": list("abcd"), "category": ["x"] * 4})
    return MadeUp(pl.DataFrame(shipped, SHIPPED, orient="row"), pl.DataFrame(returned, RETURNED, orient="row"), categories)


def _flags(company: MadeUp, as_of: date = AS_OF) -> pl.DataFrame:
    return flags(company.shipped, company.returned, company.categories, as_of)


def test_a_flag_worked_by_hand() -> None:
    company = _small()
    flag = _flags(company).to_dicts()
    assert len(flag) == 1
    assert {name: flag[0][name] for name in ("sku", "channel_id", "reason", "since", "units", "shipped_units")} == {
        "sku": "a",
        "channel_id": None,  # one channel: both fire on the same evidence, and all channels are shown
        "reason": "late",
        "since": _weeks_ago(5),
        "units": 4 * 6 + 1,  # the last week's return has been received, on its ninth day, too
        "shipped_units": 500,
    }
    # About 1 of 100 by now of 400 units, and of most of the last 100.
    assert 4 < flag[0]["expected_units"] < 5.5
    assert flag[0]["beyond_units"] == flag[0]["units"] - flag[0]["expected_units"]


def test_evidence_is_the_documented_sum() -> None:
    company = _small()
    known = known_returns(company.shipped, company.returned, company.categories, AS_OF)
    expected = expected_returns(known)
    weekly = expected.exposure[:, 0] * expected.rate[:, 0, 0, None]
    others = [slice(max(week - 2, 0), week + 3) for week in range(WEEKS)]
    known_of_others = [int(((known.sku > 0) & (known.week == week)).sum()) for week in range(WEEKS)]  # one each, never cut off
    season = [(sum(known_of_others[near]) + 20) / (weekly[1:, near].sum() + 20) for near in others]
    by_week = weekly[0] * season
    returns = [int(((known.sku == 0) & (known.week == week)).sum()) for week in range(WEEKS)]
    k = 1 / (expected.spread[0][0] + 1 / (expected.behind[0, 0, 0] + 1))
    total = 0.0
    for since in range(PAST, WEEKS):
        n, e = sum(returns[since:]), by_week[since:].sum()
        n_past, e_past = sum(returns[since - PAST : since]), by_week[since - PAST : since].sum()
        for a, b in ((k + n_past, k + e_past), (k, k)):
            total += sum(m**n * ((b + e) / (b + m * e)) ** (a + n) for m in TIMES)
    e_value = total / (2 * len(TIMES) * (WEEKS - PAST + YEAR))
    assert _flags(company)["evidence"].to_list() == pytest.approx([log10(e_value)])
    assert e_value > 1 / 0.05 / (1 / 4 * 1 / 4 + 1 / 4 * 1 / 4)  # even and by expected, of the 4 SKUs: about the share of each


def test_before_the_change_nothing_is_flagged() -> None:
    assert _flags(_small(), _weeks_ago(6)).is_empty()


def test_a_change_that_is_over_is_shown_until_its_units_are_back() -> None:
    company = made_up(5, fault=Fault(sku=2, weeks_ago=20, share=0.3, ended_weeks_ago=12))
    last_sunday = _weeks_ago(13) + timedelta(days=6)
    during = _flags(company, last_sunday + timedelta(days=FADES))
    assert during.select(*KEY, "since").rows() == [("sku-002", None, "reason-0", _weeks_ago(20))]
    assert _flags(company, last_sunday + timedelta(days=FADES + 15)).is_empty()


def test_a_fault_on_one_channel_is_a_triple() -> None:
    company = made_up(6, fault=Fault(sku=2, weeks_ago=8, share=0.3, channel="channel-1"))
    assert _flags(company).select(*KEY, "since").rows() == [("sku-002", "channel-1", "reason-0", _weeks_ago(8))]


def test_a_fault_on_all_channels_is_one_flag() -> None:
    company = made_up(7, fault=Fault(sku=4, weeks_ago=8, share=0.3))
    flag = _flags(company)
    assert flag.select(*KEY, "since").rows() == [("sku-004", None, "reason-0", _weeks_ago(8))]
    recent = pl.col("ship_week") >= _weeks_ago(8)
    of = company.returned.filter(
        recent & (pl.col("sku") == "sku-004") & (pl.col("reason") == "reason-0") & (pl.col("received_on") <= AS_OF)
    )
    assert flag["units"].to_list() == [of["units"].sum()]
    assert flag["shipped_units"].to_list() == [company.shipped.filter(recent & (pl.col("sku") == "sku-004"))["units"].sum()]


def test_a_sku_that_has_always_been_as_bad_is_no_change_but_beyond_what_others_explain() -> None:
    flag = _flags(made_up(8, fault=Fault(sku=4, weeks_ago=69, share=0.3)))
    assert flag.select(KEY).rows() == [("sku-004", None, "reason-0")]


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_chance_alone_is_not_flagged(spread: float) -> None:
    """Of 6 companies without a fault, looked at every 4 days over 30 weeks, none has a flag: at most 5 % may in expectation."""
    days = [AS_OF - timedelta(days=back) for back in range(0, 210, 4)]
    flagged = {(seed, *row) for seed in range(6) for row in _looks(made_up(seed, spread=spread), days).select(KEY).rows()}
    assert flagged == set()


def _looks(company: MadeUp, days: list[date]) -> pl.DataFrame:
    return pl.concat(_flags(company, day) for day in days)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_surge_of_whole_categories_is_no_fault_of_a_sku(seed: int) -> None:
    assert _looks(made_up(seed, surge=2.0), [AS_OF - timedelta(days=back) for back in range(0, 40, 4)]).is_empty()


def test_nothing_is_flagged_where_nothing_is_known() -> None:
    company = _small()
    assert _flags(MadeUp(SHIPPED.to_frame(), RETURNED.to_frame(), company.categories)).equals(FLAGS.to_frame())
    assert _flags(MadeUp(company.shipped, RETURNED.to_frame(), company.categories)).equals(FLAGS.to_frame())
    assert _flags(MadeUp(SHIPPED.to_frame(), company.returned, company.categories)).equals(FLAGS.to_frame())
    assert _flags(MadeUp(company.shipped, company.returned, company.categories.clear())).equals(FLAGS.to_frame())


def test_nothing_is_flagged_where_too_little_has_been_learned() -> None:
    company = _small()
    young = pl.col("ship_week") >= _weeks_ago(12)
    learned = MadeUp(company.shipped.filter(young), company.returned.filter(young), company.categories)
    assert learned.returned.filter(pl.col("received_on") < AS_OF).height == 4 * 12 + 4 * 5
    assert _flags(learned).height == 1
    few = learned.returned.filter((pl.col("sku") != "b") & (pl.col("sku") != "c"))
    assert few.filter(pl.col("received_on") < AS_OF).height == 2 * 12 + 4 * 5
    assert _flags(MadeUp(learned.shipped, few, company.categories)).is_empty()


def test_the_only_sku_has_nothing_to_be_compared_with() -> None:
    company = _small()
    only = pl.col("sku") == "a"
    alone = MadeUp(company.shipped.filter(only), company.returned.filter(only), company.categories.filter(only))
    assert _flags(alone).filter(pl.col("since") < _weeks_ago(5)).is_empty()


FAULTY = made_up(9, skus=20, weeks=40, fault=Fault(sku=2, weeks_ago=5, share=0.1))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_order_of_rows_does_not_matter(seed: int) -> None:
    shuffled = [frame.sample(fraction=1.0, shuffle=True, seed=seed) for frame in (FAULTY.shipped, FAULTY.returned, FAULTY.categories)]
    assert _flags(FAULTY).height == 1
    assert _flags(MadeUp(*shuffled)).equals(_flags(FAULTY))


@given(st.integers(2, 50))
@settings(max_examples=15)
def test_larger_numbers_of_units_are_no_more_evidence(times: int) -> None:
    """Where each line has so many times the units, evidence is the same, and so is the share that came back."""
    larger = [frame.with_columns(pl.col("units") * times) for frame in (FAULTY.shipped, FAULTY.returned)]
    before, after = _flags(FAULTY), _flags(MadeUp(*larger, FAULTY.categories))
    counts = ["units", "expected_units", "shipped_units", "beyond_units"]
    assert after.select(*KEY, "since").equals(before.select(*KEY, "since"))
    assert after["evidence"].to_list() == pytest.approx(before["evidence"].to_list())
    assert after.select(counts).row(0) == pytest.approx(before.select(pl.col(counts) * times).row(0))


@given(st.integers(0, 19), st.integers(0, 3), st.integers(0, 2), st.lists(st.integers(1, 3), min_size=1, max_size=30))
@settings(max_examples=15)
def test_more_returns_on_the_day_never_weaken_a_flag(sku: int, reason: int, channel: int, units: list[int]) -> None:
    """Further returns of the newest week, received on the day: what is learned is learned from the days before."""
    more = [(MONDAY, AS_OF, f"channel-{channel}", f"sku-{sku:03}", f"reason-{reason}", of_line) for of_line in units]
    newest = pl.DataFrame([(MONDAY, f"channel-{channel}", f"sku-{sku:03}", 100)], SHIPPED, orient="row")
    company = MadeUp(pl.concat([FAULTY.shipped, newest]), FAULTY.returned, FAULTY.categories)
    strongest = float("-inf")
    for count in range(0, len(more) + 1, 5):
        returned = pl.concat([company.returned, pl.DataFrame(more[:count], RETURNED, orient="row")])
        flag = _flags(MadeUp(company.shipped, returned, company.categories)).filter(sku=f"sku-{sku:03}", reason=f"reason-{reason}")
        evidence = max(flag["evidence"].to_list(), default=float("-inf"))
        assert evidence >= strongest
        strongest = evidence
    assert strongest > 0 or len(more) < 25
