"""Random orders: parcels that are late, lost, split, cancelled by anyone, returned, without dates, without a time zone."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.data_access.domain.scorecards.small_facts import Back, Gone, Order, OrderLine, Sent, utc

START = utc("2026-03-20 00:00")  # clocks change in Berlin on the 29th, in New York they have on the 8th
SPAN_HOURS = 24 * 40


def _hours(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least * 2, most * 2).map(lambda halves: timedelta(minutes=30 * halves))


@st.composite
def sent(draw: st.DrawFn, placed: datetime, units: int) -> Sent:
    at = placed + draw(st.one_of(st.just(timedelta(0)), _hours(-1, 120)))
    number = draw(st.booleans())
    return Sent(
        at,
        units,
        draw(st.sampled_from(["1", "1", "2"])),
        number,
        at + draw(_hours(0, 40)) if number and draw(st.booleans()) else None,
        at + draw(_hours(0, 500)) if draw(st.booleans()) else None,
        at + draw(_hours(1, 200)) if draw(st.booleans()) else None,
    )


@st.composite
def lines(draw: st.DrawFn, placed: datetime) -> OrderLine:
    units = draw(st.integers(1, 3))
    ship_by = placed + draw(_hours(0, 72)) if draw(st.integers(0, 9)) else None
    deliver_by = placed + draw(_hours(48, 200)) if draw(st.integers(0, 9)) else None
    line = OrderLine(units, ship_by, deliver_by)
    left = units
    while left and draw(st.integers(0, 3)):
        part = draw(st.integers(1, left))
        if draw(st.integers(0, 3)):
            line.sent.append(draw(sent(placed, part)))
        else:
            by = draw(st.sampled_from(["buyer", "seller", "marketplace", "unknown"]))
            line.gone.append(Gone(placed + draw(_hours(0, 120)), by, part))
        left -= part
    if line.sent and not draw(st.integers(0, 5)):
        line.gone.append(Gone(line.sent[-1].at + draw(_hours(1, 100)), draw(st.sampled_from(["buyer", "seller"])), 1))
    if line.sent and not draw(st.integers(0, 3)):
        line.back.append(Back(line.sent[0].at + draw(_hours(24, 400))))
    return line


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    drawn = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        placed = START + draw(_hours(0, SPAN_HOURS))
        inside = draw(st.lists(lines(placed), min_size=0 if number == 3 else 1, max_size=3))
        channel = draw(st.sampled_from(["a", "a", "b", "nowhere"]))
        drawn.append(Order(placed, inside, channel, not draw(st.integers(0, 7)), number))
    return drawn


moments = _hours(0, SPAN_HOURS + 24 * 20).map(lambda after: START + after)
