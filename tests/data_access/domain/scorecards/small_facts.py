"""Orders of a made-up company, written as they would be told, and the facts of them; a plain loop that judges them one by one."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from data_access.domain.facts import FACTS
from data_access.domain.scorecards.subjects import Facts

CHANNELS = pl.DataFrame({"channel_id": ["a", "b", "nowhere"], "time_zone": ["Europe/Berlin", "America/New_York", None]})
ZONES = {"a": "Europe/Berlin", "b": "America/New_York"}
SCAN_DAYS = timedelta(days=14)


def utc(text: str) -> datetime:
    """A time in UTC, from text such as 2026-03-29 00:30."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Sent:
    """Units of a line that left. `number`: whether it has a tracking number, which may have been uploaded later."""

    at: datetime
    units: int = 1
    package: str = "1"
    number: bool = True
    uploaded: datetime | None = None
    scan: datetime | None = None
    delivered: datetime | None = None


@dataclass
class Gone:
    """Units of a line that were cancelled."""

    at: datetime
    by: str = "buyer"
    units: int = 1


@dataclass
class Back:
    """Units of a line that came back."""

    at: datetime
    units: int = 1


@dataclass
class OrderLine:
    """A line of an order."""

    units: int = 1
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    sent: list[Sent] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    back: list[Back] = field(default_factory=list)
    sku: str = "S"


@dataclass
class Order:
    """An order."""

    placed: datetime
    lines: list[OrderLine]
    channel: str = "a"
    theirs: bool = False
    number: int = 1


def known(orders: list[Order], until: datetime) -> list[Order]:
    """The orders as far as they had been told by a moment."""

    def known_by(at: datetime | None) -> datetime | None:
        return at if at and at <= until else None

    def sent(one: Sent) -> Sent:
        number = one.number and (one.uploaded is None or one.uploaded <= until)
        return replace(one, number=number, uploaded=known_by(one.uploaded), scan=known_by(one.scan), delivered=known_by(one.delivered))

    def line(one: OrderLine) -> OrderLine:
        return replace(
            one,
            sent=[sent(part) for part in one.sent if part.at <= until],
            gone=[part for part in one.gone if part.at <= until],
            back=[part for part in one.back if part.at <= until],
        )

    return [replace(order, lines=[line(one) for one in order.lines]) for order in orders if order.placed <= until]


def facts(orders: list[Order]) -> Facts:
    """The facts of the orders; an order's id is its `number`."""
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in FACTS}
    for order in orders:
        head = {"order_id": order.number, "channel_id": order.channel, "placed_at": order.placed}
        rows["order"].append({**head, "fulfilled_by": "marketplace" if order.theirs else "seller"})
        for place, line in enumerate(order.lines):
            line_id = order.number * 10 + place
            head_of_line = {**head, "line_id": line_id}
            shipped, cancelled = sum(one.units for one in line.sent), sum(one.units for one in line.gone)
            rows["line"].append(
                {
                    **head_of_line,
                    "sku": line.sku,
                    "quantity": line.units,
                    "ship_by_at": line.ship_by,
                    "deliver_by_at": line.deliver_by,
                    "shipped_quantity": shipped,
                    "cancelled_quantity": cancelled,
                    "returned_quantity": sum(one.units for one in line.back),
                    "allocated_quantity": max(line.units - shipped - cancelled, 0),
                    "backordered_quantity": 0,
                }
            )
            for serial, one in enumerate(line.sent):
                rows["shipment"].append(
                    {
                        **head_of_line,
                        "shipment_id": line_id * 10 + serial,
                        "shipment_ref": one.package,
                        "quantity": one.units,
                        "location_id": "wh",
                        "carrier": "DHL",
                        "shipped_at": one.at,
                        "tracking_number": f"N{line_id}" if one.number else None,
                        "tracking_uploaded_at": one.uploaded,
                        "first_scan_at": one.scan,
                        "last_scan_at": one.scan,
                        "delivered_at": one.delivered,
                    }
                )
            for serial, away in enumerate(line.gone):
                rows["cancellation"].append(
                    {
                        **head_of_line,
                        "cancellation_id": line_id * 10 + serial,
                        "quantity": away.units,
                        "cancelled_at": away.at,
                        "cancelled_by": away.by,
                    }
                )
            for serial, home in enumerate(line.back):
                rows["return"].append({**head_of_line, "return_id": line_id * 10 + serial, "quantity": home.units, "received_at": home.at})
    return Facts(*(pl.DataFrame(rows[name], schema).lazy() for name, schema in FACTS.items()))


def frames(these: Facts) -> list[pl.DataFrame]:
    """All frames of the facts."""
    return [getattr(these, name).collect() for name in ("orders", "lines", "shipments", "cancellations", "returns")]


# ---- the plain loop ------------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What a subject counts as: ok, miss, open, or the reason why not; on which local day; how much."""

    counts: str
    day: date
    weight: int = 1


def verdicts(orders: list[Order], kind: str, unit: str, dated_by: str, now: datetime) -> list[Verdict]:
    """Judge every order, package or unit as it stands at `now`, when all facts are known."""
    judgements = []
    for order in orders:
        if unit == "order":
            judgements.append(_judge(order, kind, dated_by, now))
        elif unit == "package":
            judgements += _packages(order, dated_by, now)
        else:
            judgements += _units(order, dated_by, now)
    return judgements


def _left(line: OrderLine) -> int:
    return max(line.units - sum(one.units for one in line.sent) - sum(one.units for one in line.gone), 0)


def _live(line: OrderLine) -> bool:
    return bool(line.sent) or _left(line) > 0


def _day(order: Order, at: datetime | None) -> date:
    zone = ZONES.get(order.channel)
    return (at or order.placed).astimezone(ZoneInfo(zone) if zone else UTC).date()


def _shared(order: Order, theirs_too: bool = False) -> str:
    if not order.lines:
        return "no lines"
    if order.channel not in ZONES:
        return "channel without a time zone"
    if order.theirs and not theirs_too:
        return "fulfilled by the marketplace"
    return ""


def _sent(order: Order) -> list[Sent]:
    return [one for line in order.lines for one in line.sent]


def _judge(order: Order, kind: str, dated_by: str, now: datetime) -> Verdict:
    live = [line for line in order.lines if _live(line)]
    sent = _sent(order)
    whole = bool(live) and not any(_left(line) for line in live)
    delivered = whole and all(one.delivered for one in sent)
    dates: dict[str, datetime | None] = {
        "placed": order.placed,
        "ship_by": min((line.ship_by for line in live if line.ship_by), default=None),
        "deliver_by": min((line.deliver_by for line in live if line.deliver_by), default=None),
        "shipped": max(one.at for one in sent) if whole else None,
        "delivered": max(one.delivered for one in sent if one.delivered) if delivered else None,
    }
    return Verdict(_counts(order, kind, now, live), _day(order, dates[dated_by]))


def _counts(order: Order, kind: str, now: datetime, live: list[OrderLine]) -> str:
    sent = _sent(order)
    if kind == "return_rate":
        if why := _shared(order, theirs_too=True):
            return why
        if not live:
            return "cancelled before it shipped"
        return "miss" if any(line.back for line in order.lines) else "ok"
    if why := _shared(order):
        return why
    if kind == "cancellation":
        return _cancelled(order, live)
    if not live:
        return "cancelled before it shipped"
    if sent and min(one.at for one in sent) < order.placed:
        return "shipped before placed"
    if sent and _at_a_till(order, min(one.at for one in sent), live):
        return "handed over when it was bought"
    due_needed = kind != "valid_tracking"
    if kind == "on_time_delivery":
        if any(line.deliver_by is None for line in live):
            return "no deliver-by date"
        if any(not one.number and not one.delivered for one in sent):
            return "neither tracked nor told as delivered"
    elif due_needed and any(line.ship_by is None for line in live):
        return "no ship-by date"
    waits: list[tuple[datetime | None, datetime | None]] = []  # when it happened, by when it had to
    for line in live:
        parts: list[Sent | None] = list(line.sent) or [None]
        for one in parts:
            waits += _waits(kind, line, one, bool(_left(line)))
    if any(by and by < now and (at is None or at > by) for at, by in waits):
        return "miss"
    return "open" if any(at is None for at, _ in waits) else "ok"


def _waits(kind: str, line: OrderLine, one: Sent | None, is_open: bool) -> list[tuple[datetime | None, datetime | None]]:
    """What must happen by when; nothing has while a unit of the line is open."""
    scan_by = one.at + SCAN_DAYS if one else None
    shipped = one.at if one and not is_open else None
    number = (one.uploaded or one.at) if one and one.number and not is_open else None
    scan = one.scan if one and not is_open else None
    delivered = one.delivered if one and not is_open else None
    return {
        "late_shipment": [(shipped, line.ship_by)],
        "late_acceptance": [(scan, line.ship_by)],
        "shipped_with_tracking": [(shipped, line.ship_by), (number, scan_by)],
        "tracking_on_time": [(number, line.ship_by), (scan, scan_by)],
        "valid_tracking": [(scan, scan_by)],
        "on_time_delivery": [(delivered, line.deliver_by)],
    }[kind]


def _cancelled(order: Order, live: list[OrderLine]) -> str:
    took = [one for line in order.lines for one in line.gone if sum(s.units for s in line.sent) < line.units]
    if any(one.by == "seller" for one in took):
        return "miss"
    if any(line.gone for line in order.lines) and not took:
        return "cancelled after it shipped"
    if not live:
        for by in ("unknown", "marketplace"):
            if any(one.by == by for one in took):
                return "cancelled, not known by whom" if by == "unknown" else "cancelled by the marketplace"
        return "cancelled by the buyer"
    return "ok"


def _outside(order: Order, first: datetime, lines: list[OrderLine]) -> str:
    if why := _shared(order):
        return why
    if first < order.placed:
        return "shipped before placed"
    return "handed over when it was bought" if _at_a_till(order, first, lines) else ""


def _at_a_till(order: Order, first: datetime, lines: list[OrderLine]) -> bool:
    return first == order.placed and all(line.ship_by is None for line in lines)


def _packages(order: Order, dated_by: str, now: datetime) -> list[Verdict]:
    judgements = []
    for name in sorted({one.package for one in _sent(order)}):
        inside = [(line, one) for line in order.lines for one in line.sent if one.package == name]
        shipped = min(one.at for _, one in inside)
        scan = min((one.scan for _, one in inside if one.scan), default=None)
        fine = scan is not None and scan <= shipped + SCAN_DAYS
        counts = _outside(order, shipped, [line for line, _ in inside]) or (
            "ok" if fine else "miss" if now > shipped + SCAN_DAYS else "open"
        )
        assert dated_by == "shipped"
        judgements.append(Verdict(counts, _day(order, shipped)))
    return judgements


def _units(order: Order, dated_by: str, now: datetime) -> list[Verdict]:
    judgements = []
    assert dated_by == "deliver_by"
    for line in order.lines:
        for one in line.sent:
            counts = _outside(order, one.at, [line])
            if not counts and line.deliver_by is None:
                counts = "no deliver-by date"
            elif not counts and not one.number:
                counts = "no tracking number"
            elif not counts and line.deliver_by:
                fine = one.delivered is not None and one.delivered <= line.deliver_by
                counts = "ok" if fine else "miss" if one.delivered or now > line.deliver_by else "open"
            judgements.append(Verdict(counts, _day(order, line.deliver_by), one.units))
    return judgements
