"""The events that feeds send: one model a kind, checked on the way in.

A feed builds these, or their JSON, and hands them to `data_access.events.ingest`. Times are aware datetimes or integers in
microseconds since 1970 (UTC); units are integers; unit prices are integers in 1/10,000 of the currency.
"""

import hashlib
import json
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

MAX_UNITS = 10_000_000  # above this a quantity is a mistake


def _micros(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return round(value.timestamp() * 1_000_000)
    return value


# 1970 to 2262, so that a date in milliseconds or seconds is noticed by its year, not stored
Micros = Annotated[int, BeforeValidator(_micros), Field(strict=True, ge=0, lt=9_223_372_036_854_775)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Units = Annotated[int, Field(strict=True, gt=0, le=MAX_UNITS)]
SignedUnits = Annotated[int, Field(strict=True, ge=-MAX_UNITS, le=MAX_UNITS)]
CountedUnits = Annotated[int, Field(strict=True, ge=0, le=MAX_UNITS)]
Price = Annotated[int, Field(strict=True, ge=0)]
State = Literal["sellable", "unsellable"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Event(_Model):
    source: Text
    event_id: Text
    occurred_at: Micros
    received_at: Micros

    @cached_property
    def payload(self) -> str:
        """Everything but the time of receipt, as canonical JSON."""
        return json.dumps(self.model_dump(mode="json", exclude={"received_at"}, exclude_none=True), sort_keys=True, separators=(",", ":"))

    @cached_property
    def payload_hash(self) -> str:
        """32 hexadecimal digits; equal for equal payloads."""
        return hashlib.blake2b(self.payload.encode(), digest_size=16).hexdigest()


class SaleLine(_Model):
    """`sku` may be given where the source knows it; else the listing of `external_sku` tells."""

    line_ref: Text
    external_sku: Text | None = None
    sku: Text | None = None
    quantity: Units
    unit_price: Price | None = None

    @model_validator(mode="after")
    def _named(self) -> "SaleLine":
        if self.external_sku is None and self.sku is None:
            raise ValueError("a line needs an external_sku or a sku")
        return self


class Sale(_Event):
    """An order placed. With `is_till`, it leaves `location_id` at once."""

    kind: Literal["sale"] = "sale"
    channel_id: Text
    order_ref: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: Annotated[tuple[SaleLine, ...], Field(min_length=1)]
    location_id: Text | None = None
    is_till: bool = False
    ship_by_at: Micros | None = None
    deliver_by_at: Micros | None = None
    customer_ref: Text | None = None
    destination_country: Text | None = None
    destination_region: Text | None = None
    fulfilled_by: Literal["seller", "marketplace"] = "seller"

    @model_validator(mode="after")
    def _whole(self) -> "Sale":
        if self.is_till and self.location_id is None:
            raise ValueError("a sale at a till needs its location_id")
        if len({line.line_ref for line in self.lines}) < len(self.lines):
            raise ValueError("two lines of one order have the same line_ref")
        return self


class CancelledLine(_Model):
    """`quantity` empty: all that has not shipped."""

    line_ref: Text
    quantity: Units | None = None


class Cancellation(_Event):
    """Units of an order that are not wanted or cannot be had. Without `lines`: the whole order."""

    kind: Literal["cancellation"] = "cancellation"
    channel_id: Text
    order_ref: Text
    lines: tuple[CancelledLine, ...] = ()
    reason: Text | None = None
    cancelled_by: Literal["buyer", "seller", "marketplace", "unknown"] = "unknown"


class OrderUnits(_Model):
    line_ref: Text
    quantity: Units


class Shipment(_Event):
    """A package confirmed as shipped from the location that it really left."""

    kind: Literal["shipment"] = "shipment"
    channel_id: Text
    order_ref: Text
    shipment_ref: Text
    location_id: Text
    lines: Annotated[tuple[OrderUnits, ...], Field(min_length=1)]
    carrier: Text | None = None


class Tracking(_Event):
    """The channel was given the package's tracking number."""

    kind: Literal["tracking"] = "tracking"
    channel_id: Text
    order_ref: Text
    shipment_ref: Text
    tracking_number: Text
    carrier: Text | None = None


class Scan(_Event):
    """The carrier scanned the package."""

    kind: Literal["scan"] = "scan"
    channel_id: Text
    order_ref: Text
    shipment_ref: Text


class Delivery(_Event):
    """The package was delivered."""

    kind: Literal["delivery"] = "delivery"
    channel_id: Text
    order_ref: Text
    shipment_ref: Text


class SkuUnits(_Model):
    sku: Text
    quantity: Units


class StateUnits(_Model):
    sku: Text
    quantity: Units
    state: State = "sellable"


class SignedStateUnits(_Model):
    sku: Text
    quantity: SignedUnits
    state: State = "sellable"


class CountedStateUnits(_Model):
    sku: Text
    quantity: CountedUnits
    state: State = "sellable"


class PurchaseOrderLine(_Model):
    sku: Text
    quantity: Units
    unit_cost: Price | None = None


class PurchaseOrder(_Event):
    """An order placed with a supplier. One line a SKU."""

    kind: Literal["purchase_order"] = "purchase_order"
    po_ref: Text
    supplier_id: Text
    location_id: Text
    expected_at: Micros | None = None
    lines: Annotated[tuple[PurchaseOrderLine, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_line_a_sku(self) -> "PurchaseOrder":
        if len({line.sku for line in self.lines}) < len(self.lines):
            raise ValueError("two lines of one purchase order have the same sku")
        return self


class Receipt(_Event):
    """Goods came in; with `po_ref`, against that purchase order."""

    kind: Literal["receipt"] = "receipt"
    location_id: Text
    po_ref: Text | None = None
    lines: Annotated[tuple[SkuUnits, ...], Field(min_length=1)]


class Transfer(_Event):
    """Units moved from one location to another."""

    kind: Literal["transfer"] = "transfer"
    from_location_id: Text
    to_location_id: Text
    lines: Annotated[tuple[StateUnits, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _moves(self) -> "Transfer":
        if self.from_location_id == self.to_location_id:
            raise ValueError("a transfer from a location to itself")
        return self


class Adjustment(_Event):
    """A signed correction with its reason."""

    kind: Literal["adjustment"] = "adjustment"
    location_id: Text
    reason: Text
    lines: Annotated[tuple[SignedStateUnits, ...], Field(min_length=1)]


class _Counted(_Event):
    location_id: Text
    lines: Annotated[tuple[CountedStateUnits, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> "_Counted":
        if len({(line.sku, line.state) for line in self.lines}) < len(self.lines):
            raise ValueError("the same sku and state counted twice in one event")
        return self


class Count(_Counted):
    """What was found at a location: the ledger is made equal to it."""

    kind: Literal["count"] = "count"


class Opening(_Counted):
    """The first balance of a SKU at a location: like a count, posted as kind `opening`, and perhaps assumed."""

    kind: Literal["opening"] = "opening"
    is_assumed: bool = False


class WriteOff(_Event):
    """Units thrown away, lost or used up, with the text somebody typed."""

    kind: Literal["write_off"] = "write_off"
    location_id: Text
    reason: Text
    lines: Annotated[tuple[StateUnits, ...], Field(min_length=1)]


class ReturnedUnits(_Model):
    line_ref: Text
    quantity: Units
    reason_code: Text | None = None
    return_reason: Text | None = None
    refund: Price | None = None


class ReturnReceived(_Event):
    """Units of an order came back; they wait for inspection as unsellable."""

    kind: Literal["return_received"] = "return_received"
    channel_id: Text
    order_ref: Text
    return_ref: Text
    location_id: Text
    requested_at: Micros | None = None
    lines: Annotated[tuple[ReturnedUnits, ...], Field(min_length=1)]


class Inspection(_Event):
    """What became of a return: restock makes it sellable, refurbish leaves it unsellable, discard takes it out."""

    kind: Literal["inspection"] = "inspection"
    channel_id: Text
    return_ref: Text
    disposition: Literal["restock", "refurbish", "discard"]


Event = (
    Sale
    | Cancellation
    | Shipment
    | Tracking
    | Scan
    | Delivery
    | PurchaseOrder
    | Receipt
    | Transfer
    | Adjustment
    | Count
    | Opening
    | WriteOff
    | ReturnReceived
    | Inspection
)

_adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def parse(raw: dict[str, Any] | str | bytes) -> Event:
    """An event from its JSON or a dictionary.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of range.

    """
    if isinstance(raw, dict):
        return _adapter.validate_python(raw)
    return _adapter.validate_json(raw)
