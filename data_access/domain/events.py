"""What all events that feeds send have in common; each kind has a module in `data_access.events.kinds`, with its model.

Times are aware datetimes or integers in
microseconds since 1970 (UTC); units are integers; unit prices are integers in 1/10,000 of the currency.
"""

import hashlib
import json
from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from data_access.domain.ids import proper_id

OWN_SOURCE: Final = "onhand"
"""The source of events that people make in OnHand: they say nothing about how far a channel's data are known."""
MAX_UNITS = 10_000_000  # above this a quantity is a mistake


def _micros(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return round(value.timestamp() * 1_000_000)
    return value


def _id(value: str) -> str:
    try:
        return proper_id(value)
    except ValueError as error:
        raise PydanticCustomError("unseen_character", "{sentence}", {"sentence": str(error)}) from error


# 1970 to 2262, so that a date in milliseconds or seconds is noticed by its year, not stored
Micros = Annotated[int, BeforeValidator(_micros), Field(strict=True, ge=0, lt=9_223_372_036_854_775)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Note = Annotated[str, Field(min_length=1, max_length=2_000)]
Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_id)]
Units = Annotated[int, Field(strict=True, gt=0, le=MAX_UNITS)]
SignedUnits = Annotated[int, Field(strict=True, ge=-MAX_UNITS, le=MAX_UNITS)]
CountedUnits = Annotated[int, Field(strict=True, ge=0, le=MAX_UNITS)]
Price = Annotated[int, Field(strict=True, ge=0)]
State = Literal["sellable", "unsellable"]


class EventPart(BaseModel):
    """A part of an event, such as a line; nothing but the fields of its kind is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(EventPart):
    """What every event has: where it comes from, its id there, its kind, when it happened and when it was received."""

    kind: str
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


class OrderUnits(EventPart):
    """Units of an order line."""

    line_ref: Id
    quantity: Units


class SkuUnits(EventPart):
    """Units of a SKU."""

    sku: Id
    quantity: Units


class StateUnits(EventPart):
    """Units of a SKU in a state."""

    sku: Id
    quantity: Units
    state: State = "sellable"


class SignedStateUnits(EventPart):
    """A signed change of the units of a SKU in a state."""

    sku: Id
    quantity: SignedUnits
    state: State = "sellable"


class CountedStateUnits(EventPart):
    """Units of a SKU in a state, as counted."""

    sku: Id
    quantity: CountedUnits
    state: State = "sellable"
