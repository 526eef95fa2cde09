"""Random histories of the small company: every kind of event."""

from typing import Any

from hypothesis import strategies as st

from data_access.events import models as ev
from tests.data_access.small_company import HOUR, T0

PLACES = ("north", "south")
SKUS = ("A", "B")


@st.composite
def histories(draw: st.DrawFn, hours: tuple[int, ...] = (0, 0, 1, 5), longest: int = 22) -> list[ev.Event]:
    """A history in order of time, each parent before its children; instants may coincide. `hours` may lie between two events."""
    found: list[ev.Event] = []
    clock = T0
    units = st.integers(1, 6)
    number = 0

    def head(**more: Any) -> dict[str, Any]:
        nonlocal clock, number
        clock += draw(st.sampled_from(hours)) * HOUR
        number += 1
        return {"source": "test", "event_id": f"e{number}", "occurred_at": clock, "received_at": clock, **more}

    orders: list[tuple[str, str, list[tuple[str, int]]]] = []
    packages: list[tuple[str, str, str]] = []
    returns: list[tuple[str, str]] = []
    purchases: list[str] = []
    often = ("sale", "sale", "sale", "till", "shipment", "shipment", "cancellation", "tracking", "scan", "delivery", "return", "inspection")
    kinds = st.sampled_from((*often, "receipt", "purchase", "arrival", "transfer", "adjustment", "count", "opening", "write_off"))
    for kind in draw(st.lists(kinds, min_size=3, max_size=longest)):
        place, sku = draw(st.sampled_from(PLACES)), draw(st.sampled_from(SKUS))
        if kind in ("sale", "till"):
            channel = draw(st.sampled_from(("web", "market")))
            sold = [(f"l{index}", draw(units)) for index in range(draw(st.integers(1, 2)))]
            lines = [
                {"line_ref": ref, "external_sku": f"{channel}-{draw(st.sampled_from((*SKUS, 'KIT')))}", "quantity": quantity}
                for ref, quantity in sold
            ]
            ref = f"o{len(orders)}"
            where = place if kind == "till" or (draw(st.booleans()) and draw(st.booleans())) else None
            found.append(
                ev.Sale(**head(channel_id=channel, order_ref=ref, currency="EUR", lines=lines, location_id=where, is_till=kind == "till"))
            )
            orders.append((channel, ref, sold))
            if kind == "till":
                packages.append((channel, ref, "till"))
        elif kind in ("cancellation", "shipment", "return") and orders:
            channel, ref, sold = draw(st.sampled_from(orders))
            line_ref, quantity = draw(st.sampled_from(sold))
            part = {"line_ref": line_ref, "quantity": draw(st.integers(1, quantity))}
            base = {"channel_id": channel, "order_ref": ref}
            if kind == "cancellation":
                found.append(ev.Cancellation(**head(**base, lines=draw(st.sampled_from(((), (part,)))), cancelled_by="buyer")))
            elif kind == "shipment":
                packages.append((channel, ref, f"p{len(packages)}"))
                found.append(ev.Shipment(**head(**base, shipment_ref=packages[-1][2], location_id=place, lines=(part,))))
            else:
                returns.append((channel, f"r{number}"))
                found.append(ev.ReturnReceived(**head(**base, return_ref=returns[-1][1], location_id=place, lines=(part,))))
        elif kind in ("tracking", "scan", "delivery") and packages:
            channel, ref, package = draw(st.sampled_from(packages))
            base = {"channel_id": channel, "order_ref": ref, "shipment_ref": package}
            if kind == "tracking":
                found.append(ev.Tracking(**head(**base, tracking_number=f"t{number}")))
            else:
                found.append((ev.Scan if kind == "scan" else ev.Delivery)(**head(**base)))
        elif kind == "inspection" and returns:
            channel, ref = returns.pop()
            fate = draw(st.sampled_from(("restock", "refurbish", "discard")))
            found.append(ev.Inspection(**head(channel_id=channel, return_ref=ref, disposition=fate)))
        elif kind == "purchase":
            purchases.append(f"po{len(purchases)}")
            bought = ({"sku": sku, "quantity": draw(units)},)
            found.append(ev.PurchaseOrder(**head(po_ref=purchases[-1], supplier_id="sup", location_id=place, lines=bought)))
        elif kind == "receipt" or (kind == "arrival" and purchases):
            po_ref = draw(st.sampled_from(purchases)) if kind == "arrival" else None
            found.append(ev.Receipt(**head(location_id=place, po_ref=po_ref, lines=({"sku": sku, "quantity": draw(units)},))))
        elif kind == "transfer":
            moved = ({"sku": sku, "quantity": draw(units), "state": draw(st.sampled_from(("sellable", "unsellable")))},)
            other = PLACES[1 - PLACES.index(place)]
            found.append(ev.Transfer(**head(from_location_id=place, to_location_id=other, lines=moved)))
        elif kind == "adjustment":
            changed = ({"sku": sku, "quantity": draw(st.integers(-5, 5))},)
            found.append(ev.Adjustment(**head(location_id=place, reason="found", lines=changed)))
        elif kind == "write_off":
            found.append(ev.WriteOff(**head(location_id=place, reason="broken", lines=({"sku": sku, "quantity": draw(units)},))))
        elif kind in ("count", "opening"):
            counted = ({"sku": sku, "quantity": draw(st.integers(0, 12)), "state": draw(st.sampled_from(("sellable", "unsellable")))},)
            found.append((ev.Count if kind == "count" else ev.Opening)(**head(location_id=place, lines=counted)))
    return found
