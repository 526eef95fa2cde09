"""What came back until the end of the history: return rows, and what they do to stock."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.company import Company, Ints, generator
from data_access.demo.demand import Lines
from data_access.demo.fates import Fates
from data_access.demo.fulfilment import NOT_YET
from data_access.demo.needs import UnitNeeds
from data_access.demo.orders import CHANNEL_IDS, LOCATION_IDS, Taken, nullable, unit_prices
from data_access.demo.returning import (
    DISCARD,
    DISPOSITION_NAMES,
    REFURBISH,
    RESTOCK,
    Returning,
    inspected_day,
    received_day,
    return_location,
)
from data_access.demo.rows import Events, texts
from data_access.demo.specs import CHANNELS, DAY_US, HOUR_US, REASON_CODES, REASONS
from data_access.demo.stock import INSPECTED_US, REPAIRED_US, SELLABLE, UNSELLABLE, Books, Movements
from data_access.demo.waiting import known_until, received_later

REFUND_KNOWN: Final = 0.88
CARRIER: Final = "DHL"
BACK: Final = ("BACK",)
"""How tracking numbers of packages begin that customers send back."""


@dataclass(slots=True)
class ReceivedReturns:
    """Returned lines received in time, by number in `Taken` (`at`) and among those of `Fates` that come back (`number`): when they were
    delivered, units, times of receipt and inspection, place, when repaired, when refunded.
    """

    at: Ints
    number: Ints
    delivered: Ints
    units: Ints
    received: Ints
    inspected: Ints
    location: Ints
    repaired: Ints
    refunded: Ints


def _coming_back(company: Company, fates: Fates, taken: Taken) -> tuple[Ints, Ints, Ints, Ints]:
    """What comes back of shipped lines, also after the history: by number in `taken`, and in `fates`; when delivered, and received."""
    at = np.flatnonzero((taken.shipped != NOT_YET) & fates.comes_back[taken.rows])
    rows, delivered = fates.number(taken.rows[at]), taken.delivered[at]
    day = received_day(company, fates.returning, rows, delivered)
    clock = 9 * HOUR_US + (delivered * 7 % (7 * HOUR_US))
    return at, rows, delivered, company.start_us + day * DAY_US + clock


def came_back(company: Company, fates: Fates, taken: Taken, until_us: int) -> ReceivedReturns:
    """The returns received until `until_us`."""
    lines, returning = fates.lines, fates.returning
    at, rows, delivered, received = _coming_back(company, fates, taken)
    known = received <= known_until(lines.channel[rows], until_us)
    at, rows, delivered, received = at[known], rows[known], delivered[known], received[known]
    morning = company.start_us + inspected_day(company, returning, rows, delivered) * DAY_US
    inspected = morning + INSPECTED_US + lines.placed_at[rows] % 3_300 * 1_000_000
    refunded = refunded_at(company, lines.placed_at[rows], received)
    repaired = morning + returning.repair_days[rows] * DAY_US + REPAIRED_US
    return ReceivedReturns(
        at,
        rows,
        delivered,
        returning.quantity[rows],
        received,
        np.where(inspected <= known_until(lines.channel[rows], until_us), inspected, NOT_YET),
        return_location(lines.channel[rows], taken.location[at]),
        np.where((returning.disposition[rows] == REFURBISH) & (repaired < until_us), repaired, NOT_YET),
        np.where(refunded <= known_until(lines.channel[rows], until_us), refunded, NOT_YET),
    )


def requested_at(delivered: Ints, received: Ints) -> Ints:
    """When customers asked for what came in."""
    return delivered + (received - delivered) * 4 // 10


def approved_at(requested: Ints, received: Ints) -> Ints:
    """When that was approved: within a day, and before it came in."""
    later: Ints = np.minimum(requested % (20 * HOUR_US), (received - requested) // 2)
    return requested + later


def refunded_at(company: Company, placed: Ints, received: Ints) -> Ints:
    """When money was given back: some days after the receipt, of a few lines weeks after it. Each line's luck is its own."""
    luck = (placed // 1_000_000 * 2_654_435_761 + company.seed) % 1_000_003 / 1_000_003
    days = 0.3 - 1.6 * np.log1p(-luck)
    given: Ints = received + (days * DAY_US).astype(np.int64)
    return given


@dataclass(frozen=True, slots=True)
class _Posting:
    """Posts movements of received returns: of kits, those of their components."""

    moves: Movements
    needs: UnitNeeds
    lines: Lines
    back: ReceivedReturns

    def post(self, kind: str, event: Ints, state: int, units: Ints, when: Ints, some: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Movements of `some` of the returns."""
        at, sku, per = self.needs.explode(self.lines.sku[some])
        self.moves.add(kind, event[some][at], sku, self.back.location[some][at], state, per * units[some][at], when[some][at])


def return_table(company: Company, fates: Fates, first_line: int, back: ReceivedReturns, needs: UnitNeeds, books: Books) -> pl.DataFrame:
    """Rows of return_line; posts their movements."""
    moves, numbers, events = books
    lines, returning = fates.lines.take(back.number), fates.returning.take(back.number)
    channel, disposition = lines.channel, returning.disposition
    received = events.add("return_received", channel, back.received, received_later(channel, back.received))
    done = back.inspected != NOT_YET
    inspected = np.zeros(len(lines), np.int64)
    inspected[done] = events.add("inspection", channel[done], back.inspected[done], received_later(channel[done], back.inspected[done]))
    posting = _Posting(moves, needs, lines, back)
    posting.post("return_received", received, UNSELLABLE, back.units, back.received, done | True)
    for code, kind in ((RESTOCK, "restock"), (DISCARD, "discard")):
        some = done & (disposition == code)
        posting.post(kind, inspected, UNSELLABLE, -back.units, back.inspected, some)
        if code == RESTOCK:
            posting.post(kind, inspected, SELLABLE, back.units, back.inspected, some)
    _post_repairs(posting, returning, events)
    ended = np.where(back.repaired == NOT_YET, disposition, np.where(returning.repaired, RESTOCK, DISCARD))
    rng = generator(company.seed, "refunds")
    given = back.refunded != NOT_YET
    refunded = (rng.random(len(lines)) < REFUND_KNOWN) & given
    codes = [code for spec in CHANNELS for code in _codes(spec.channel_id)]
    requested = requested_at(back.delivered, back.received)
    return pl.DataFrame(
        {
            "id": numbers.take(len(lines)),
            "event_id": received,
            "channel_id": texts(CHANNEL_IDS, channel),
            "return_ref": "R" + pl.Series(received).cast(pl.String),
            "line_id": back.at + first_line,
            "sku": texts(company.skus, lines.sku),
            "location_id": texts(LOCATION_IDS, back.location),
            "quantity": back.units,
            "requested_at": requested,
            "received_at": back.received,
            "reason_code": texts(codes, channel * len(REASONS) + returning.reason),
            "return_reason": texts(REASONS, returning.reason),
            "customer_note": pl.Series([None], dtype=pl.String).gather(np.zeros(len(lines), np.int64)),
            "inspected_at": nullable(back.inspected, done),
            "disposition": texts(DISPOSITION_NAMES, np.where(done, ended, -1)),
            "is_disposition_assumed": np.zeros(len(lines), bool),
            "refund": nullable(unit_prices(company, lines) * back.units, refunded),
            "currency": texts([c.currency for c in CHANNELS], np.where(refunded, channel, -1)),
            "moves_stock": np.ones(len(lines), bool),
            "approved_at": approved_at(requested, back.received),
            "refunded_at": nullable(back.refunded, given),
            "fates": _fates(company, posting, returning),
        }
    )


def expected_tables(company: Company, fates: Fates, taken: Taken, until_us: int, books: Books) -> dict[str, pl.DataFrame]:
    """Rows of return_case and return_request: what was asked for by the end of the history, and comes in after it."""
    _, numbers, events = books
    at, rows, delivered, received = _coming_back(company, fates, taken)
    known, asked = known_until(fates.lines.channel[rows], until_us), requested_at(delivered, received)
    some = np.flatnonzero((received > known) & (asked <= known))
    at, rows, received, asked, known = at[some], rows[some], received[some], asked[some], known[some]
    lines, returning = fates.lines.take(rows), fates.returning.take(rows)
    channel, approved = lines.channel, approved_at(asked, received)
    sent = (approved + received) // 2
    event = events.add("return_requested", channel, asked, received_later(channel, asked))
    for kind, when in (("return_decided", approved), ("return_sent_back", sent)):
        events.add(kind, channel[when <= known], when[when <= known], received_later(channel[when <= known], when[when <= known]))
    line_ids = pl.Series(at + taken.first_line)
    cases = numbers.take(len(at))
    codes = [code for spec in CHANNELS for code in _codes(spec.channel_id)]
    case = pl.DataFrame(
        {
            "id": cases,
            "channel_id": texts(CHANNEL_IDS, channel),
            "return_ref": "RL" + line_ids.cast(pl.String),
            "requested_at": asked,
            "decision": texts(("approved",), np.where(approved <= known, 0, -1)),
            "decided_at": nullable(approved, approved <= known),
            "sent_at": nullable(sent, sent <= known),
            "carrier": texts((CARRIER,), np.where(sent <= known, 0, -1)),
            "tracking_number": texts(BACK, np.where(sent <= known, 0, -1)) + line_ids.cast(pl.String),
        }
    )
    request = pl.DataFrame(
        {
            "id": numbers.take(len(at)),
            "event_id": event,
            "case_id": cases,
            "line_id": line_ids,
            "quantity": returning.quantity,
            "reason_code": texts(codes, channel * len(REASONS) + returning.reason),
            "return_reason": texts(REASONS, returning.reason),
        }
    )
    return {"return_case": case, "return_request": request}


def _codes(channel_id: str) -> list[str]:
    table = REASON_CODES.get(channel_id, REASON_CODES["*"])
    return [table[reason] for reason in REASONS]


def _post_repairs(posting: _Posting, returning: Returning, events: Events) -> None:
    """Refurbished units, some weeks later: most are sellable again, the rest are discarded."""
    back, channel = posting.back, posting.lines.channel
    done = back.repaired != NOT_YET
    event = np.zeros(len(posting.lines), np.int64)
    event[done] = events.add("inspection", channel[done], back.repaired[done], received_later(channel[done], back.repaired[done]))
    for good, kind in ((True, "restock"), (False, "discard")):
        some = done & (returning.repaired == good)
        posting.post(kind, event, UNSELLABLE, -back.units, back.repaired, some)
        if good:
            posting.post(kind, event, SELLABLE, back.units, back.repaired, some)


def _fates(company: Company, posting: _Posting, returning: Returning) -> pl.Series:
    """`return_line.fates`: the steps of what was refurbished and is no longer; else none, for the disposition says all."""
    back = posting.back
    done = np.flatnonzero(back.repaired != NOT_YET)
    at, part, per = posting.needs.explode(posting.lines.sku[done])
    units = per * back.units[done][at]
    ended = np.where(returning.repaired[done][at], 0, 1)
    parts = pl.DataFrame(
        {
            "line": done[at],
            "sku": texts(company.skus, part),
            "units": units,
            "inspected": back.inspected[done][at],
            "repaired": back.repaired[done][at],
            "ended": texts(("repaired", "discard"), ended),
        }
    )
    first = pl.format('[{},"{}","waiting","refurbish",{},null]', "inspected", "sku", "units").str.join(",")
    second = pl.format('[{},"{}","refurbish","{}",{},null]', "repaired", "sku", "ended", "units").str.join(",")
    steps = parts.group_by("line", maintain_order=True).agg(fates=pl.format("[{},{}]", first, second))
    return pl.DataFrame({"line": np.arange(len(posting.lines))}).join(steps, on="line", how="left", maintain_order="left")["fates"]


def returned_units(taken: Taken, back: ReceivedReturns) -> Ints:
    """Units that came back, by line of `taken`."""
    units = np.zeros(len(taken.rows), np.int32)
    units[back.at] = back.units
    return units
