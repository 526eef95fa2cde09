"""What the Demand page says: which node is meant, its figures against the past, and what a back-test means."""

from datetime import date, timedelta

import polars as pl
import pytest

from dashboard.demand import figures
from dashboard.demand import node as demand
from dashboard.demand import runs as demand_runs
from dashboard.demand.figures import Choice, Judged, Period
from data_access.forecasts.files import NODES
from data_access.forecasts.reading import FORECAST, HISTORY
from data_access.queries.demand import REGIONS
from forecasting.api import ERRORS
from forecasting.engine import MODELS

CHANNELS = {"web": "Web shop", "ebay": "eBay"}
_ROWS = [
    ("total", None, None, None),
    ("channel", "ebay", None, None),
    ("channel", "web", None, None),
    ("category", None, "", None),
    ("category", None, "Toys", None),
    ("channel x category", "ebay", "Toys", None),
    ("channel x category", "web", "", None),
    ("sku", None, "Toys", "BEAR"),
    ("sku", None, "", "CAR"),
    ("series", "ebay", "Toys", "BEAR"),
    ("series", "web", "Toys", "BEAR"),
    ("series", "web", "", "CAR"),
]
TREE = pl.DataFrame(
    [
        (number, f"{number}", level, channel, category, sku, 0, "blend", None)
        for number, (level, channel, category, sku) in enumerate(_ROWS)
    ],
    NODES,
    orient="row",
)
FIRST = date(2026, 11, 4)  # a Wednesday


def ahead(means: list[float]) -> pl.DataFrame:
    days = [FIRST + timedelta(days=number) for number in range(len(means))]
    return pl.DataFrame({"ds": days, "mean": means, **dict.fromkeys(FORECAST.names()[2:], means)}, FORECAST)


def history(units: list[float], available: list[float]) -> pl.DataFrame:
    days = [FIRST - timedelta(days=len(units) - number) for number in range(len(units))]
    return pl.DataFrame({"ds": days, "units": units, "available": available}, HISTORY)


def errors(*rows: tuple[int, int, float, float, float, float, float, float]) -> pl.DataFrame:
    """A row for each cutoff: day of October, periods, y, mean, absolute error, inside 50, 80, 95."""
    filled = [("x", "chosen", date(2026, 10, row[0]), *row[1:5], 0.0, 0.0, *row[5:]) for row in rows]
    return pl.DataFrame(filled, ERRORS, orient="row")


@pytest.mark.parametrize(
    ("channel_id", "category", "sku", "node"),
    [
        (None, None, None, 0),
        ("web", None, None, 2),
        (None, "Toys", None, 4),
        (None, "", None, 3),
        ("ebay", "Toys", None, 5),
        ("web", "Toys", None, None),
        (None, None, "BEAR", 7),
        ("web", None, "BEAR", 10),
        ("web", "", "BEAR", 10),
        ("ebay", None, "CAR", None),
        (None, None, "NONE", None),
    ],
)
def test_a_choice_means_a_node(channel_id: str | None, category: str | None, sku: str | None, node: int | None) -> None:
    assert figures.find(TREE, Choice(channel_id, category, sku)) == node


def test_a_sku_of_one_channel_alone_has_the_node_of_that_channel() -> None:
    without = TREE.filter(pl.col("level") != "sku")
    assert figures.find(without, Choice(None, None, "CAR")) == 11
    assert figures.find(without, Choice(None, None, "BEAR")) is None


def test_what_is_meant_and_what_is_missing_is_said() -> None:
    assert figures.name(Choice(None, None, None), CHANNELS) == "Everything on all channels"
    assert figures.name(Choice("web", "Toys", None), CHANNELS) == "Toys on Web shop"
    assert figures.name(Choice(None, "", None), CHANNELS) == "(no category) on all channels"
    assert figures.name(Choice("ebay", None, "CAR"), CHANNELS) == "CAR on eBay"
    sentence = figures.missing(TREE, Choice("ebay", None, "CAR"), CHANNELS)
    assert sentence == "There is no forecast of CAR on eBay: nothing of it was ordered there. It sells on Web shop."
    sentence = figures.missing(TREE, Choice("web", "Toys", None), CHANNELS)
    assert sentence == "There is no forecast of Toys on Web shop: nothing of it was ordered there. Choose another channel or category."


def test_a_period_is_compared_with_as_many_days_before() -> None:
    past = history([9, 1, 2, 3], [1.0, 0.4, 1.0, 1.0])
    one = figures.period(past, ahead([1.0, 2.0, 4.5, 50.0]), 3)
    assert one == Period(3, 7.5, 6.0, 1)
    assert figures.comparison(one) == "6 in the last 3 days, +25%; 1 day of it without stock"
    assert figures.finding("CAR on eBay", one) == "CAR on eBay: 7.5 units expected in the next 3 days, 6 ordered in the last 3"
    longer = figures.period(past, ahead([1.0] * 7), 7)
    assert longer == Period(7, 7.0, None, 1)
    assert figures.comparison(longer) == "its history is shorter than 7 days"
    assert figures.finding("CAR", longer) == "CAR: 7.0 units expected in the next 7 days"
    assert figures.comparison(Period(7, 2.0, 0.0, 0)) == "0 in the last 7 days"


def test_the_chart_is_described_for_those_who_do_not_see_it() -> None:
    description = figures.described("CAR on eBay", history([1, 0], [1.0, 0.1]), ahead([1.0]), 3)
    assert description == (
        "Demand of CAR on eBay by day: the last 2 days, and 1 day ahead as a median with 50, 80 and 95 % intervals; "
        "1 day without stock; 3 promoted days"
    )


def test_weeks_begin_on_mondays_and_sum_means() -> None:
    assert figures.weeks(ahead([1.0] * 5 + [2.0] * 3)).rows() == [(date(2026, 11, 2), 5, 5.0), (date(2026, 11, 9), 3, 6.0)]


def test_regions_split_what_is_expected_and_the_rest_is_told() -> None:
    cells = pl.DataFrame({"channel_id": ["web", "ebay"], "category": ["Toys", ""], "units": [10.0, 4.0]})
    regions = pl.DataFrame(
        [("web", "Toys", "North", 0.5), ("web", "Toys", "South", 0.3), ("ebay", "", "South", 1.0)], REGIONS, orient="row"
    )
    assert figures.by_region(cells, regions).rows() == [("South", 7.0), ("North", 5.0), (None, 2.0)]
    assert figures.by_region(cells.tail(1), regions).rows() == [("South", 4.0)]


def test_a_back_test_is_judged_by_its_days() -> None:
    judgement = figures.judged(errors((1, 10, 100, 110, 30, 0.5, 0.8, 1.0), (8, 30, 100, 70, 50, 0.1, 0.4, 0.8)))
    assert judgement is not None
    assert (judgement.cutoffs, judgement.days, judgement.came, judgement.expected) == (2, 40, 200, 180)
    assert (judgement.bias, judgement.absolute) == pytest.approx((-0.1, 0.4))
    assert judgement.inside == pytest.approx((0.2, 0.5, 0.85))
    assert figures.back_test_in_words(judgement) == (
        "Over 2 back-tests, each from what was known then, the forecast was 180 units and actual demand 200 (10% too "
        "little). The 80 % interval held 50% of the days, fewer than it promises, so plan for more than the bands show."
    )
    assert figures.judged(errors()) is None


@pytest.mark.parametrize(
    ("came", "inside", "said"),
    [
        (400.0, 0.74, "as it promises."),
        (400.0, 0.87, "as it promises."),
        (400.0, 0.88, "more than it promises, so the bands are wider than needed."),
        (9.0, 0.99, "more than it promises, as is usual for what sells less than a unit a day."),
        (9.0, 0.7, "fewer than it promises, so plan for more than the bands show."),
    ],
)
def test_what_intervals_held_is_said_plainly(came: float, inside: float, said: str) -> None:
    assert figures.back_test_in_words(Judged(1, 100, came, came, 0.0, 0.0, (0.5, inside, 0.95))).endswith(said)


def test_bias_is_said_where_there_is_one() -> None:
    assert figures.bias_in_words(Judged(1, 9, 100, 100.4, 0.004, 0.1, (0, 0, 0))) == "right in total"
    assert figures.bias_in_words(Judged(1, 9, 100, 130, 0.3, 0.3, (0, 0, 0))) == "30% too much"
    nothing = figures.judged(errors((1, 10, 0, 3.25, 3.25, 1, 1, 1)))
    assert nothing is not None
    assert figures.bias_in_words(nothing) == "nothing was ordered, 3.2 units were forecast"


def test_a_back_test_is_a_row_a_cutoff() -> None:
    shown = figures.back_test(errors((1, 10, 100, 110, 30, 0.5, 0.8, 1.0), (8, 5, 0, 1.5, 1.5, 1, 1, 1)))
    assert shown.rows() == [
        (date(2026, 10, 1), 10, 100.0, 110.0, 10.0, 30.0, 50.0, 80.0, 100.0),
        (date(2026, 10, 8), 5, 0.0, 1.5, None, None, 100.0, 100.0, 100.0),
    ]


def test_every_model_has_plain_words() -> None:
    assert set(figures.MODELS) == set(figures.MODEL_HELP) == set(MODELS)


def test_a_run_says_whose_models_it_used() -> None:
    row = {"run_id": 7, "learned_by": 7, "reason": "first training"}
    assert demand_runs.models(row) == "first training"
    row = {"run_id": 8, "learned_by": 7, "reason": "trained on history up to 2026-11-01"}
    assert demand_runs.models(row) == "models of forecast 7, trained on history up to 2026-11-01"
    assert demand_runs.models({**row, "learned_by": None}) == ""


def test_how_long_ago_a_history_ends() -> None:
    today = date(2026, 11, 26)
    assert [figures.known_since(today - timedelta(days=days), today) for days in (0, 1, 2, 5)] == [
        "today",
        "yesterday",
        "2 days ago",
        "5 days ago",
    ]


def test_what_is_written_as_html_is_harmless() -> None:
    evil = "<script>alert(1)</script>"
    assert evil not in demand.card_html(evil, evil, evil)
    assert "&lt;script&gt;" in demand.card_html(evil, evil, evil)


def test_the_legend_names_only_what_is_drawn() -> None:
    plain = demand.legend_html("#0072B2", history([1], [1.0]), pl.DataFrame())
    assert "50 % interval" in plain
    assert "could not be sold" not in plain
    assert "promotion" not in plain
    full = demand.legend_html("#0072B2", history([1], [0.1]), pl.DataFrame({"ds": [FIRST]}))
    assert "could not be sold for most of the day" in full
    assert "promotion" in full
