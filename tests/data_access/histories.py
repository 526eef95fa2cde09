"""Random histories of the small company: every kind of event."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from data_access.events import models as ev
from tests.data_access.small_company import HOUR, T0

PLACES = ("north", "south")
SKUS = ("A", "B")
STATES = st.sampled_from(("sellable", "unsellable"))
UNITS = st.integers(1, 6)


@st.composite
def histories(draw: st.DrawFn, hours: tuple[int, ...] = (0, 0, 1, 5), longest: int = 22) -> list[ev.Event]:
    """A history in order of time, each parent before its children; instants may coincide. `hours` may lie between two events."""
    often = (
        "sale",
        "sale",
        "sale",
        "till",
        "shipment",
        "shipment",
        "cancellation",
        "tracking",
        "scan",
        "delivery",
        "return",
        "inspection",
        "request",
        "refund",
        "case",
        "retold",
    )
    kinds = st.sampled_from((*often, "receipt", "purchase", "arrival", "transfer", "adjustment", "count", "opening", "write_off"))
    story = _Story(draw, hours)
    drawn = [story.next_event(kind) for kind in draw(st.lists(kinds, min_size=3, max_size=longest))]
    return [event for event in drawn if event is not None]


@st.composite
def lives_of_returns(draw: st.DrawFn, hours: tuple[int, ...] = (0, 1, 5)) -> list[ev.Event]:
    """A history in order of time that is mostly of the returns of a few orders."""
    story = _Story(draw, hours)
    more = draw(st.lists(st.sampled_from(("request", "return", "inspection", "refund", "case", "case", "cancellation")), max_size=12))
    drawn = [story.next_event(kind) for kind in ("receipt", "sale", "shipment", "sale", "shipment", "request", "return", *more)]
    return [event for event in drawn if event is not None]


@dataclass(slots=True)
class _Back:
    """A return of a line, and its units that can still be decided on, one by one; of a kit, those of its component A."""

    channel: str
    ref: str
    sku: str
    waiting: int
    refurbished: int = 0
    is_begun: bool = False
    part: str | None = None


class _Story:
    """A history while it is drawn: its clock, and what later events may be about."""

    def __init__(self, draw: st.DrawFn, hours: tuple[int, ...]) -> None:
        self._draw = draw
        self._hours = st.sampled_from(hours)
        self._clock = T0
        self._number = 0
        self._orders: list[tuple[str, str, list[tuple[str, int]]]] = []
        self._sold_as: dict[tuple[str, str], str] = {}
        self._packages: list[tuple[str, str, str]] = []
        self._sent: list[ev.Shipment] = []
        self._returns: list[_Back] = []
        self._asked: list[tuple[str, str, str, str, int]] = []
        self._purchases: list[str] = []

    def next_event(self, kind: str) -> ev.Event | None:
        """An event of the kind; None if nothing has happened yet that it could be about."""
        place, sku = self._draw(st.sampled_from(PLACES)), self._draw(st.sampled_from(SKUS))
        if kind in ("sale", "till"):
            return self._sale(kind, place)
        if kind in ("cancellation", "shipment", "return", "request"):
            return self._of_an_order(kind, place) if self._orders else None
        if kind in ("refund", "case"):
            return self._of_a_case(kind) if self._asked else None
        if kind in ("tracking", "scan", "delivery"):
            return self._of_a_package(kind) if self._packages else None
        if kind == "retold":
            return self._retold() if self._sent else None
        if kind == "inspection":
            return self._inspection() if self._returns else None
        if kind == "arrival" and not self._purchases:
            return None
        return self._of_stock(kind, place, sku)

    def _head(self, **more: Any) -> dict[str, Any]:
        self._clock += self._draw(self._hours) * HOUR
        self._number += 1
        return {"source": "test", "event_id": f"e{self._number}", "occurred_at": self._clock, "received_at": self._clock, **more}

    def _sale(self, kind: str, place: str) -> ev.Event:
        draw, is_till = self._draw, kind == "till"
        channel = draw(st.sampled_from(("web", "market")))
        sold = [(f"l{index}", draw(UNITS)) for index in range(draw(st.integers(1, 2)))]
        ref = f"o{len(self._orders)}"
        self._sold_as |= {(ref, line_ref): draw(st.sampled_from((*SKUS, "KIT"))) for line_ref, _ in sold}
        lines = [
            {"line_ref": line_ref, "external_sku": f"{channel}-{self._sold_as[ref, line_ref]}", "quantity": quantity}
            for line_ref, quantity in sold
        ]
        where = place if is_till or (draw(st.booleans()) and draw(st.booleans())) else None
        self._orders.append((channel, ref, sold))
        if is_till:
            self._packages.append((channel, ref, "till"))
        head = self._head(channel_id=channel, order_ref=ref, currency="EUR", lines=lines, location_id=where, is_till=is_till)
        return ev.Sale(**head)

    def _of_an_order(self, kind: str, place: str) -> ev.Event:
        draw = self._draw
        channel, ref, sold = draw(st.sampled_from(self._orders))
        line_ref, quantity = draw(st.sampled_from(sold))
        part = {"line_ref": line_ref, "quantity": draw(st.integers(1, quantity))}
        base = {"channel_id": channel, "order_ref": ref}
        if kind == "cancellation":
            return ev.Cancellation(**self._head(**base, lines=draw(st.sampled_from(((), (part,)))), cancelled_by="buyer"))
        if kind == "shipment":
            self._packages.append((channel, ref, f"p{len(self._packages)}"))
            self._sent.append(ev.Shipment(**self._head(**base, shipment_ref=self._packages[-1][2], location_id=place, lines=(part,))))
            return self._sent[-1]
        if kind == "request":
            self._asked.append((channel, ref, line_ref, f"r{self._number}", part["quantity"]))
            said = {"reason_code": draw(st.sampled_from(("TOO_SMALL", None))), "customer_note": draw(st.sampled_from(("no", None)))}
            return ev.ReturnRequested(**self._head(**base, return_ref=self._asked[-1][3], lines=({**part, **said},)))
        return_ref, name = f"r{self._number}", None
        if self._asked and draw(st.booleans()):
            # of a request, in parts that may be more than was asked for
            channel, ref, line_ref, return_ref, quantity = draw(st.sampled_from(self._asked))
            base = {"channel_id": channel, "order_ref": ref}
            part, name = {"line_ref": line_ref, "quantity": draw(st.integers(1, quantity))}, f"part{self._number}"
        sku = self._sold_as[ref, line_ref]
        self._returns.append(_Back(channel, return_ref, "A" if sku == "KIT" else sku, part["quantity"], part=name))
        return ev.ReturnReceived(**self._head(**base, return_ref=return_ref, location_id=place, part=name, lines=(part,)))

    def _of_a_case(self, kind: str) -> ev.Event:
        """What happens to a return besides its goods."""
        draw = self._draw
        channel, ref, line_ref, return_ref, _ = draw(st.sampled_from(self._asked))
        head = self._head(channel_id=channel, return_ref=return_ref)
        if kind == "refund":
            lines = ({"line_ref": line_ref, "amount": draw(st.integers(0, 100_001))},)
            return ev.ReturnRefunded(**head, order_ref=ref, currency=draw(st.sampled_from(("EUR", "EUR", "USD"))), lines=lines)
        match draw(st.sampled_from(("decided", "sent", "closed"))):
            case "decided":
                return ev.ReturnDecided(**head, decision=draw(st.sampled_from(("approved", "refused"))))
            case "sent":
                return ev.ReturnSentBack(**head, tracking_number=draw(st.sampled_from(("b0", "b1", None))))
            case _:
                return ev.ReturnClosed(**head)

    def _retold(self) -> ev.Event:
        """A package again, by another source: under its reference, or under one of that source's own."""
        sent = self._draw(st.sampled_from(self._sent))
        if self._draw(st.booleans()):
            self._packages.append((sent.channel_id, sent.order_ref, f"p{len(self._packages)}"))
            sent = sent.model_copy(update={"shipment_ref": self._packages[-1][2]})
        self._sent.append(sent.model_copy(update={**self._head(), "source": "other"}))
        return self._sent[-1]

    def _of_a_package(self, kind: str) -> ev.Event:
        channel, ref, package = self._draw(st.sampled_from(self._packages))
        base = {"channel_id": channel, "order_ref": ref, "shipment_ref": package}
        if kind == "tracking":
            return ev.Tracking(**self._head(**base, tracking_number=self._draw(st.sampled_from(("t0", "t1")))))
        return (ev.Scan if kind == "scan" else ev.Delivery)(**self._head(**base))

    def _inspection(self) -> ev.Event:
        """All of a return's units, or some; then those that are refurbished may be repaired or discarded."""
        draw, back = self._draw, self._returns[-1]
        fate = draw(st.sampled_from(("restock", "refurbish", "discard")))
        head = self._head(channel_id=back.channel, return_ref=back.ref, part=back.part)
        if not back.is_begun and draw(st.booleans()):
            self._returns.pop()
            return ev.Inspection(**head, disposition=fate)
        back.is_begun = True
        if back.refurbished:
            units = {"quantity": draw(st.integers(1, back.refurbished)), "before": "refurbish"}
            units["after"] = draw(st.sampled_from(("repaired", "discard")))
            back.refurbished -= units["quantity"]
        else:
            units = {"quantity": draw(st.integers(1, back.waiting)), "after": fate}
            back.waiting -= units["quantity"]
            back.refurbished += units["quantity"] if fate == "refurbish" else 0
        if not back.waiting and not back.refurbished:
            self._returns.pop()
        return ev.Inspection(**head, units=({**units, "sku": back.sku},))

    def _of_stock(self, kind: str, place: str, sku: str) -> ev.Event:
        draw = self._draw
        match kind:
            case "purchase":
                self._purchases.append(f"po{len(self._purchases)}")
                bought = ({"sku": sku, "quantity": draw(UNITS)},)
                return ev.PurchaseOrder(**self._head(po_ref=self._purchases[-1], supplier_id="sup", location_id=place, lines=bought))
            case "receipt" | "arrival":
                po_ref = draw(st.sampled_from(self._purchases)) if kind == "arrival" else None
                return ev.Receipt(**self._head(location_id=place, po_ref=po_ref, lines=({"sku": sku, "quantity": draw(UNITS)},)))
            case "transfer":
                moved = ({"sku": sku, "quantity": draw(UNITS), "state": draw(STATES)},)
                other = PLACES[1 - PLACES.index(place)]
                return ev.Transfer(**self._head(from_location_id=place, to_location_id=other, lines=moved))
            case "adjustment":
                changed = ({"sku": sku, "quantity": draw(st.integers(-5, 5))},)
                return ev.Adjustment(**self._head(location_id=place, reason="found", lines=changed))
            case "write_off":
                return ev.WriteOff(**self._head(location_id=place, reason="broken", lines=({"sku": sku, "quantity": draw(UNITS)},)))
            case _:
                counted = ({"sku": sku, "quantity": draw(st.integers(0, 12)), "state": draw(STATES)},)
                return (ev.Count if kind == "count" else ev.Opening)(**self._head(location_id=place, lines=counted))
