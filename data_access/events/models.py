"""The models of events by name, for what builds many kinds: the demo, tests, feeds. The registry does not rest on this list."""

from data_access.domain.events import CountedStateUnits, Event, OrderUnits, SignedStateUnits, SkuUnits, StateUnits
from data_access.events.kinds.orders.cancellation import Cancellation, CancelledLine
from data_access.events.kinds.orders.delivery import Delivery
from data_access.events.kinds.orders.sale import Sale, SaleLine
from data_access.events.kinds.orders.scan import Scan
from data_access.events.kinds.orders.shipment import Shipment
from data_access.events.kinds.orders.tracking import Tracking
from data_access.events.kinds.purchasing.purchase_order import PurchaseOrder, PurchaseOrderLine
from data_access.events.kinds.purchasing.receipt import Receipt
from data_access.events.kinds.returns.inspection import InspectedUnits, Inspection
from data_access.events.kinds.returns.return_closed import ReturnClosed
from data_access.events.kinds.returns.return_decided import ReturnDecided
from data_access.events.kinds.returns.return_received import ReturnedUnits, ReturnReceived
from data_access.events.kinds.returns.return_refunded import RefundedLine, ReturnRefunded
from data_access.events.kinds.returns.return_requested import RequestedUnits, ReturnRequested
from data_access.events.kinds.returns.return_sent_back import ReturnSentBack
from data_access.events.kinds.stock.adjustment import Adjustment
from data_access.events.kinds.stock.count import Count
from data_access.events.kinds.stock.opening import Opening
from data_access.events.kinds.stock.transfer import Transfer
from data_access.events.kinds.stock.write_off import WriteOff
from data_access.events.registry import parse

__all__ = [
    "Adjustment",
    "Cancellation",
    "CancelledLine",
    "Count",
    "CountedStateUnits",
    "Delivery",
    "Event",
    "InspectedUnits",
    "Inspection",
    "Opening",
    "OrderUnits",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "Receipt",
    "RefundedLine",
    "RequestedUnits",
    "ReturnClosed",
    "ReturnDecided",
    "ReturnReceived",
    "ReturnRefunded",
    "ReturnRequested",
    "ReturnSentBack",
    "ReturnedUnits",
    "Sale",
    "SaleLine",
    "Scan",
    "Shipment",
    "SignedStateUnits",
    "SkuUnits",
    "StateUnits",
    "Tracking",
    "Transfer",
    "WriteOff",
    "parse",
]
