"""The parts of a mapping of orders, table by table of its TOML file. `docs/importing.md` explains every key."""

import codecs
from functools import cached_property
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import available_timezones

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from data_access.domain.ids import proper_id

Meaning = Literal["placed", "shipped", "delivered", "cancelled", "returned"]
IdentityColumn = Literal["external_sku", "title", "quantity", "price", "currency", "placed", "ship_by", "deliver_by", "customer"]
OrderColumn = Literal[
    "placed",
    "currency",
    "status",
    "country",
    "region",
    "fulfilled_by",
    "customer",
    "ship_by",
    "shipped",
    "carrier",
    "tracking_number",
    "tracking_uploaded",
    "first_scan",
    "deliver_by",
    "delivered",
    "cancelled",
    "cancel_reason",
    "cancelled_by",
]
ORDER_COLUMNS: Final[tuple[OrderColumn, ...]] = get_args(OrderColumn)
"""What may be a fact of the order rather than of its lines."""

DEFAULT_OF_ORDER: Final[tuple[OrderColumn, ...]] = (
    *("placed", "currency", "country", "region", "fulfilled_by", "customer", "ship_by", "deliver_by"),
)
DEFAULT_IDENTITY: Final[tuple[IdentityColumn, ...]] = ("external_sku", "quantity", "price", "placed")


def _pattern(value: str) -> str:
    try:
        pl.Series([""]).str.contains(value)
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"{value[:100]!r} is not a regular expression that can be run in linear time") from error
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not the IANA name of a time zone, such as Europe/London")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[Name, AfterValidator(proper_id)]
Pattern = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class MappingPart(BaseModel):
    """A table of a mapping: no key beside its own, and no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ChannelPart(MappingPart):
    """The channel that the file comes from; made with these facts if the store does not have it."""

    id: Id
    name: Name
    kind: Literal["marketplace", "webstore", "social", "retail"]
    currency: Currency
    time_zone: Zone
    marketplace: Name | None = None
    country: Country | None = None
    stale_after_hours: Annotated[int, Field(gt=0)] = 48


class LocationPart(MappingPart):
    """Where the goods leave from; made with these facts, serving the channel, if the store does not have it."""

    id: Id
    name: Name | None = None
    kind: Literal["warehouse", "shop", "3pl", "fulfilment_centre"] = "warehouse"
    country: Country | None = None
    region: Name | None = None
    time_zone: Zone | None = None


class FilePart(MappingPart):
    """How the file is written. Without an encoding or a delimiter, the file itself tells (`dialect`)."""

    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quoting: Literal["detect", "standard", "none"] = "detect"
    preamble_rows: Annotated[int, Field(ge=0, le=1_000)] = 0
    footer: Pattern | None = None
    sheet: Name | None = None

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        try:
            return None if value is None else codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"{value!r} is not the name of an encoding, such as utf-8 or cp1252") from error

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str | None) -> str | None:
        if value is not None and (value in '"\r\n' or not value.isascii()):
            raise ValueError("the delimiter must be one plain character, such as a comma or a tab")
        return value


class ColumnSource(MappingPart):
    """Where one of our columns comes from: the first of the file's columns that is not empty, else `otherwise`.

    A plain text is one column, a list several. Columns are compared without spaces around their names. Files may lack those that are
    `optional`.
    """

    columns: list[Name] = []
    optional: list[Name] = []
    otherwise: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str | list):
            return {"columns": [value] if isinstance(value, str) else value}
        return value

    @model_validator(mode="after")
    def _something(self) -> "ColumnSource":
        if not self.columns and self.otherwise is None:
            raise ValueError("give the name of a column, a list of names, or { columns = [...], otherwise = ... }")
        if not set(self.optional) <= set(self.columns):
            raise ValueError("optional names a column that columns does not")
        return self

    def __str__(self) -> str:
        """In words, for a sentence about one of its cells."""
        return " or ".join(self.columns) or "(none)"


class ColumnsPart(MappingPart):
    """Our columns, and where each comes from."""

    order: ColumnSource
    external_sku: ColumnSource
    quantity: ColumnSource
    placed: ColumnSource
    line: ColumnSource | None = None
    title: ColumnSource | None = None
    price: ColumnSource | None = None
    currency: ColumnSource | None = None
    status: ColumnSource | None = None
    ship_by: ColumnSource | None = None
    shipped: ColumnSource | None = None
    shipped_quantity: ColumnSource | None = None
    carrier: ColumnSource | None = None
    tracking_number: ColumnSource | None = None
    tracking_uploaded: ColumnSource | None = None
    first_scan: ColumnSource | None = None
    deliver_by: ColumnSource | None = None
    delivered: ColumnSource | None = None
    cancelled: ColumnSource | None = None
    cancel_reason: ColumnSource | None = None
    cancelled_by: ColumnSource | None = None
    refunded_quantity: ColumnSource | None = None
    country: ColumnSource | None = None
    region: ColumnSource | None = None
    fulfilled_by: ColumnSource | None = None
    customer: ColumnSource | None = None

    @cached_property
    def named(self) -> dict[str, ColumnSource]:
        """Our name to where it comes from, of the columns that are mapped."""
        mapped = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: source for name, source in mapped.items() if source is not None}


class FormatsPart(MappingPart):
    """How dates and numbers are written."""

    dates: Annotated[list[Name], Field(min_length=1)] = ["%Y-%m-%d %H:%M:%S"]
    time_zone: Zone | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""

    @model_validator(mode="after")
    def _differ(self) -> "FormatsPart":
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same character")
        return self


class LinesPart(MappingPart):
    """What the rows mean where the file does not say."""

    identity: Annotated[list[IdentityColumn], Field(min_length=1)] | None = None
    of_order: list[OrderColumn] | None = None
    quantity: Literal["package"] | None = None
    without_status: Literal["placed", "shipped"] = "placed"
    price: Literal["unit", "line"] = "unit"
    reopens: bool = False
    zero_quantity: Literal["quarantine", "cancelled"] = "quarantine"


class SkusPart(MappingPart):
    """How the channel's codes become SKUs."""

    unknown: Literal["quarantine", "create"] = "quarantine"
    case: Literal["keep", "upper", "lower"] = "keep"


class RowsRule(MappingPart):
    """What becomes of the rows whose cells match: they are left out, wait until they are an order, or belong elsewhere."""

    where: Annotated[dict[Name, Pattern], Field(min_length=1)]
    of_order: bool = False
    then: Literal["leave_out", "wait"] | None = None
    channel: ChannelPart | None = None
    location: LocationPart | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "RowsRule":
        if (self.then is None) == (self.channel is None and self.location is None):
            raise ValueError("give then, or a channel or location that the rows belong to")
        return self


class ItemsPart(MappingPart):
    """Several items in one cell. Each becomes a row, in which the named groups of the pattern are columns that `columns` may name.

    `total`: a column with the units of all items together.
    """

    column: Name
    separator: Annotated[str, Field(min_length=1, max_length=20)]
    pattern: Pattern
    total: Name | None = None

    @model_validator(mode="after")
    def _named_groups(self) -> "ItemsPart":
        if not self.names:
            raise ValueError("the pattern has no named group, such as (?P<Units>[0-9]+)")
        return self

    @cached_property
    def names(self) -> list[str]:
        """The named groups of the pattern."""
        groups = pl.Series([""], dtype=pl.String).str.extract_groups(self.pattern).struct.fields
        return [name for name in groups if not name.isdecimal()]


class ReturnsPart(MappingPart):
    """Which rows are returns: those whose order id matches, and with `negative_quantity` those of a line that give units back.

    Their quantity is negative.
    """

    order: Pattern | None = None
    negative_quantity: bool = False
    disposition: Literal["restock", "refurbish", "discard"] | None = None

    @model_validator(mode="after")
    def _something(self) -> "ReturnsPart":
        if self.order is None and not self.negative_quantity:
            raise ValueError("give order, or set negative_quantity")
        return self


class ChargesPart(MappingPart):
    """Which rows are not goods: those whose order id or code matches."""

    order: Pattern | None = None
    external_sku: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> "ChargesPart":
        if self.order is None and self.external_sku is None:
            raise ValueError("give order, external_sku or both")
        return self


class WriteOffsPart(MappingPart):
    """Which rows are write-offs: a negative quantity at no price, on no return. `order` narrows it to matching order ids."""

    order: Pattern | None = None
