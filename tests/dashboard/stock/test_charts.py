import polars as pl
from polars.testing import assert_frame_equal

from dashboard.charts import colours
from dashboard.stock import charts as stock
from data_access.domain.availability import WATERFALL
from data_access.queries.stock import PICTURE

POSITIONS = {"amazon": 1, "ebay": 2}
UNITS = pl.DataFrame(
    [
        ("LDN", "London", "allocated", "amazon", "Allocated: Amazon", 5),
        ("LDN", "London", "shared", None, "Available: shared", 80),
        ("LDN", "London", "unsellable", None, "Unsellable", 3),
        ("LEE", "Leeds", "only", "ebay", "Available: only eBay", 12),
        ("LEE", "Leeds", "allocated", "amazon", "Allocated: Amazon", 0),
    ],
    schema=PICTURE,
    orient="row",
)


def test_every_unit_is_drawn_once() -> None:
    figure = stock.picture(UNITS, POSITIONS)
    drawn = pl.DataFrame(
        [(trace.name, place, units) for trace in figure.data for place, units in zip(trace.y, trace.x, strict=True)], orient="row"
    )
    expected = pl.DataFrame(
        [
            ("Allocated: Amazon", "London", 5),
            ("Available: only eBay", "Leeds", 12),
            ("Available: shared", "London", 80),
            ("Unsellable", "London", 3),
        ],
        orient="row",
    )
    assert_frame_equal(drawn, expected)
    assert list(figure.layout.yaxis.categoryarray) == ["Leeds", "London"]
    assert figure.layout.barmode == "stack"


def test_a_channel_has_its_colour_and_allocated_units_are_hatched() -> None:
    amazon, ebay, shared, unsellable = stock.picture(UNITS, POSITIONS).data
    assert (amazon.marker.color, amazon.marker.pattern.shape) == (colours.channel(1), "/")
    assert (ebay.marker.color, ebay.marker.pattern.shape) == (colours.channel(2), "")
    assert (shared.marker.color, shared.marker.pattern.shape) == (colours.AVAILABLE, "")
    assert (unsellable.marker.color, unsellable.marker.pattern.shape) == (colours.UNSELLABLE, "x")


def test_locations_of_one_name_stay_apart() -> None:
    twins = UNITS.with_columns(pl.lit("Shop").alias("location_name"))
    assert list(stock.picture(twins, POSITIONS).layout.yaxis.categoryarray) == ["Shop (LEE)", "Shop (LDN)"]


def test_the_title_says_what_the_picture_shows() -> None:
    assert stock.picture_finding(UNITS) == "100 units on hand, most of them at London (88%); 92% are free to sell"
    assert stock.picture_finding(UNITS.filter(location_id="LEE")) == "12 units on hand; 100% are free to sell"
    assert stock.picture_finding(UNITS.clear()) == "No units on hand"


def test_a_picture_of_nothing_can_be_drawn() -> None:
    assert len(stock.picture(UNITS.clear(), {}).data) == 0


def test_a_waterfall_steps_from_on_hand_to_available_to_sell() -> None:
    steps = pl.DataFrame(
        [
            ("DESK", "amazon", 1, "On hand", 40, 40, True, None, False),
            ("DESK", "amazon", 2, "Allocated", -12, 28, False, None, False),
            ("DESK", "amazon", 3, "Available", 28, 28, True, None, False),
            ("DESK", "amazon", 4, "Channel buffer", -5, 23, False, "5 units", True),
            ("DESK", "amazon", 5, "Available to sell", 23, 23, True, None, False),
        ],
        schema=WATERFALL,
        orient="row",
    )
    figure = stock.waterfall(steps.sample(fraction=1, shuffle=True, seed=1), 3)
    (trace,) = figure.data
    assert list(trace.x) == [40, -12, 28, -5, 23]
    assert list(trace.measure) == ["absolute", "relative", "total", "relative", "total"]
    assert list(trace.y) == ["<b>On hand</b>", "Allocated", "<b>Available</b>", "Channel buffer", "<b>Available to sell</b>"]
    assert list(trace.text) == ["40", "-12", "28", "-5", "23"]
    assert trace.totals.marker.color == colours.channel(3)
    assert figure.layout.xaxis.range[0] < 0 < 40 < figure.layout.xaxis.range[1]
