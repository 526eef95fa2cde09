"""The chart of a forecast: bands, lines, stock-outs, promotions; and what moves demand."""

from datetime import date, timedelta

import polars as pl

from dashboard.charts import colours
from dashboard.demand.charts import LEAST_AVAILABLE, NO_PROMOTIONS, components, forecast, promoted_days, stock_outs
from data_access.forecasts.reading import FORECAST, HISTORY
from data_access.queries.demand import PROMOTIONS
from forecasting import panel

FIRST = date(2026, 11, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


HISTORY_FRAME = pl.DataFrame(
    {
        "ds": [day(number) for number in range(7)],
        "units": [3.0, 0.0, 0.0, 4.0, 2.0, 0.0, 5.0],
        "available": [1.0, 0.2, 0.0, 1.0, 0.5, 0.49, None],
    },
    HISTORY,
)
AHEAD = pl.DataFrame(
    {
        "ds": [day(7), day(8)],
        "mean": [2.5, 3.0],
        "q0.025": [0.0, 0.0],
        "q0.1": [0.0, 1.0],
        "q0.25": [1.0, 2.0],
        "q0.5": [2.0, 3.0],
        "q0.75": [3.0, 4.0],
        "q0.9": [5.0, 6.0],
        "q0.975": [7.0, 8.0],
    },
    FORECAST,
)
PROMOTED = pl.DataFrame(
    [
        ("P1", "A", "web", day(1), day(2), 0.1),
        ("P2", "A", "ebay", day(2), day(2), 0.25),
        ("P3", "A", "web", day(7), day(8), 0.2),
    ],
    PROMOTIONS,
    orient="row",
)
DAYS = promoted_days(PROMOTED, {"web": "Web shop", "ebay": "eBay"})


def test_a_stock_out_is_what_the_forecast_takes_for_one() -> None:
    assert LEAST_AVAILABLE == panel.LEAST_AVAILABLE
    assert stock_outs(HISTORY_FRAME) == [(day(1), day(2)), (day(5), day(5))]
    assert stock_outs(HISTORY.to_frame()) == []


def test_a_promoted_day_counts_once_with_its_greatest_discount() -> None:
    assert DAYS.rows() == [
        (day(1), 0.1, "Web shop"),
        (day(2), 0.25, "Web shop, eBay"),
        (day(7), 0.2, "Web shop"),
        (day(8), 0.2, "Web shop"),
    ]
    assert promoted_days(PROMOTED.clear(), {}).schema == NO_PROMOTIONS.schema


def test_bands_lie_on_one_another_under_the_lines() -> None:
    figure = forecast(HISTORY_FRAME, AHEAD, NO_PROMOTIONS, 2)
    most, eighty, fifty, ordered, median = figure.data
    there_and_back = [day(7), day(8), day(8), day(7)]
    assert [list(band.x) for band in (most, eighty, fifty)] == [there_and_back] * 3
    assert [list(band.y) for band in (most, eighty, fifty)] == [[7, 8, 0, 0], [5, 6, 1, 0], [3, 4, 2, 1]]
    assert [band.name for band in (most, eighty, fifty)] == ["95 % interval", "80 % interval", "50 % interval"]
    assert {band.fill for band in (most, eighty, fifty)} == {"toself"}
    assert most.fillcolor == colours.see_through(colours.channel(2), 0.16)
    assert (list(ordered.x), list(ordered.y)) == ([day(number) for number in range(7)], [3, 0, 0, 4, 2, 0, 5])
    assert [bool(label) for label in ordered.customdata] == [False, True, True, False, False, True, False]
    assert (list(median.x), list(median.y), median.line.color) == ([day(7), day(8)], [2, 3], colours.channel(2))
    assert list(median.customdata[0]) == [2.5, 1, 3, 0, 5, 0, 7]


def test_all_channels_have_a_colour_of_their_own() -> None:
    median = forecast(HISTORY_FRAME, AHEAD, NO_PROMOTIONS, None).data[-1]
    assert median.line.color == colours.TOTAL
    assert colours.TOTAL not in colours.CHANNELS


def test_a_run_of_days_without_stock_is_one_shade_and_the_forecast_begins_at_a_line() -> None:
    layout = forecast(HISTORY_FRAME, AHEAD, NO_PROMOTIONS, 1).layout
    long, short, divider = layout.shapes
    assert [(one.x0, one.x1) for one in (long, short)] == [
        ("2026-11-01T12:00:00", "2026-11-03T12:00:00"),
        ("2026-11-05T12:00:00", "2026-11-06T12:00:00"),
    ]
    assert {one.fillcolor for one in (long, short)} == {colours.STOCK_OUT}
    assert (divider.type, divider.x0, divider.x1) == ("line", "2026-11-07T12:00:00", "2026-11-07T12:00:00")
    assert [(one.text, one.x) for one in layout.annotations] == [("forecast", "2026-11-07T12:00:00")]


def test_promotions_are_marked_along_the_top_and_broken_between() -> None:
    line = forecast(HISTORY_FRAME, AHEAD, DAYS, 1).data[-1]
    assert (line.name, line.yaxis, line.line.color) == ("Promotion", "y2", colours.PROMOTION)
    assert list(line.x) == [day(1), day(2), day(3), day(7), day(8)]
    assert list(line.y) == [0.985, 0.985, None, 0.985, 0.985]
    assert [list(label) for label in line.customdata][1] == [0.25, "Web shop, eBay"]


def test_promotions_out_of_view_are_not_drawn() -> None:
    before = promoted_days(PROMOTED.with_columns(starts_on=day(-9), ends_on=day(-8)), {})
    assert [one.name for one in forecast(HISTORY_FRAME, AHEAD, before, 1).data][-1] == "Median"


def test_a_forecast_without_a_history_is_drawn_alone() -> None:
    figure = forecast(HISTORY.to_frame(), AHEAD, NO_PROMOTIONS, 1)
    assert list(figure.data[3].x) == []
    assert list(figure.data[4].x) == [day(7), day(8)]
    assert len(figure.layout.shapes) == 1


def test_parts_that_move_nothing_are_left_out() -> None:
    parts = pl.DataFrame(
        {
            "ds": [day(0), day(1)],
            "trend": [4.0, 5.0],
            "weekly": [0.1, -0.1],
            "yearly": [0.0, 0.0],
            "holidays": [0.0, 0.5],
            "discount": [0.0, 0.0],
        }
    )
    figure = components(parts, day(0))
    assert [(one.name, list(one.y)) for one in figure.data] == [("Trend", [4, 5]), ("Weekday", [0.1, -0.1]), ("Holidays", [0, 0.5])]
    assert figure.layout.shapes[0].x0 == "2026-11-01T12:00:00"
