"""Mappings: small TOML files that say how a channel writes its orders. `docs/importing.md` explains every key."""

import codecs
import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data_access.errors import InvalidInput

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

DEFAULT_OF_ORDER: Final[tuple[OrderColumn, ...]] = ("placed", "currency", "country", "region", "fulfilled_by", "customer")
DEFAULT_IDENTITY: Final[tuple[IdentityColumn, ...]] = ("external_sku", "quantity", "price", "placed")
MAX_MAPPING_BYTES: Final = 1_000_000


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression ({error})") from error
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not the IANA name of a time zone, such as Europe/London")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200)]
Pattern = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ChannelPart(_Part):
    """The channel that the file comes from; made with these facts if the store does not have it."""

    id: Name
    name: Name
    kind: Literal["marketplace", "webstore", "social", "retail"]
    currency: Currency
    time_zone: Zone
    marketplace: Name | None = None
    country: Country | None = None
    stale_after_hours: Annotated[int, Field(gt=0)] = 48


class LocationPart(_Part):
    """Where the goods leave from; made with these facts, serving the channel, if the store does not have it."""

    id: Name
    name: Name | None = None
    kind: Literal["warehouse", "shop", "3pl", "fulfilment_centre"] = "warehouse"
    country: Country | None = None
    region: Name | None = None
    time_zone: Zone | None = None


class FilePart(_Part):
    """How the file is written. Without an encoding or a delimiter, the file itself tells (`dialect`)."""

    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quoting: Literal["detect", "standard", "none"] = "detect"
    preamble_rows: Annotated[int, Field(ge=0, le=1_000)] = 0
    footer: Pattern | None = None

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


class ColumnsPart(_Part):
    """The file's own names of the columns, compared without spaces around them."""

    order: Name
    external_sku: Name
    quantity: Name
    placed: Name
    line: Name | None = None
    title: Name | None = None
    price: Name | None = None
    currency: Name | None = None
    status: Name | None = None
    ship_by: Name | None = None
    shipped: Name | None = None
    carrier: Name | None = None
    tracking_number: Name | None = None
    tracking_uploaded: Name | None = None
    first_scan: Name | None = None
    deliver_by: Name | None = None
    delivered: Name | None = None
    cancelled: Name | None = None
    cancel_reason: Name | None = None
    cancelled_by: Name | None = None
    country: Name | None = None
    region: Name | None = None
    fulfilled_by: Name | None = None
    customer: Name | None = None

    @cached_property
    def named(self) -> dict[str, str]:
        """Our name to the file's name, of the columns that are mapped."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class FormatsPart(_Part):
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


class LinesPart(_Part):
    """What the rows mean where the file does not say."""

    identity: Annotated[list[IdentityColumn], Field(min_length=1)] | None = None
    of_order: list[OrderColumn] | None = None
    without_status: Literal["placed", "shipped"] = "placed"
    price: Literal["unit", "line"] = "unit"
    zero_quantity: Literal["quarantine", "cancelled"] = "quarantine"


class SkusPart(_Part):
    """How the channel's codes become SKUs."""

    unknown: Literal["quarantine", "create"] = "quarantine"
    case: Literal["keep", "upper", "lower"] = "keep"


class ReturnsPart(_Part):
    """Which rows are returns: those whose order id matches. Their quantity is negative."""

    order: Pattern
    disposition: Literal["restock", "refurbish", "discard"] | None = None


class ChargesPart(_Part):
    """Which rows are not goods: those whose order id or code matches."""

    order: Pattern | None = None
    external_sku: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> "ChargesPart":
        if self.order is None and self.external_sku is None:
            raise ValueError("give order, external_sku or both")
        return self


class WriteOffsPart(_Part):
    """Which rows are write-offs: a negative quantity at no price, on no return. `order` narrows it to matching order ids."""

    order: Pattern | None = None


class Mapping(_Part):
    """One mapping, as its TOML file says."""

    description: Annotated[str, Field(max_length=1_000)] = ""
    channel: ChannelPart
    location: LocationPart
    file: FilePart = FilePart()
    columns: ColumnsPart
    formats: FormatsPart = FormatsPart()
    lines: LinesPart = LinesPart()
    skus: SkusPart = SkusPart()
    status: dict[str, list[Meaning]] = {}
    fulfilled_by: dict[str, Literal["seller", "marketplace"]] = {}
    cancelled_by: dict[str, Literal["buyer", "seller", "marketplace"]] = {}
    returns: ReturnsPart | None = None
    charges: ChargesPart | None = None
    write_offs: WriteOffsPart | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Mapping":
        if self.columns.line is not None and self.lines.identity is not None:
            raise ValueError("lines.identity is for files without a line id, but columns.line names one")
        unmapped = [name for name in self.lines.identity or () if name not in self.columns.named]
        if unmapped:
            raise ValueError(f"lines.identity names {', '.join(unmapped)}, which columns does not map")
        foreign = [name for name in self.lines.of_order or () if name not in self.columns.named]
        if foreign:
            raise ValueError(f"lines.of_order names {', '.join(foreign)}, which columns does not map")
        if (self.columns.status is None) != (not self.status):
            raise ValueError("columns.status and the table [status] go together")
        if self.write_offs is not None and self.columns.price is None:
            raise ValueError("write_offs needs columns.price")
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns whose content, with its occurrence number, stands for a line id."""
        return tuple(self.lines.identity or (name for name in DEFAULT_IDENTITY if name in self.columns.named))

    @property
    def of_order(self) -> tuple[OrderColumn, ...]:
        """Mapped columns that belong to the order: a row without a cell takes that of its order."""
        chosen = DEFAULT_OF_ORDER if self.lines.of_order is None else self.lines.of_order
        return tuple(name for name in chosen if name in self.columns.named)

    @property
    def time_zone(self) -> str:
        """The zone that times without one are in."""
        return self.formats.time_zone or self.channel.time_zone


@dataclass(frozen=True, slots=True)
class LoadedMapping:
    """A mapping with its name and text, which the store keeps for retries."""

    name: str
    text: str
    mapping: Mapping

    def hash(self, options: str) -> str:
        """32 hexadecimal digits of the mapping's text and the import's options."""
        return hashlib.blake2b(f"{self.name}\x1f{self.text}\x1f{options}".encode(), digest_size=16).hexdigest()


def mapping_names() -> list[str]:
    """Names of the mappings that come with OnHand, in alphabetical order."""
    folder = resources.files("data_access.imports.files") / "mappings"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_mapping(name_or_path: str) -> LoadedMapping:
    """The mapping of that name, or in that file (anything that ends in .toml).

    Raises:
        InvalidInput: there is none, or it cannot be understood; the sentence says which key and why.

    """
    if not name_or_path.endswith(".toml"):
        if name_or_path not in mapping_names():
            known = ", ".join(mapping_names())
            raise InvalidInput(f"There is no mapping {name_or_path!r}: choose one of {known}, or give the path of a .toml file.")
        text = (resources.files("data_access.imports.files") / "mappings" / f"{name_or_path}.toml").read_text("utf-8")
        return LoadedMapping(name_or_path, text, parse_mapping(text, name_or_path))
    path = Path(name_or_path)
    text = read_toml(path)
    return LoadedMapping(path.stem, text, parse_mapping(text, str(path)))


def read_toml(path: Path) -> str:
    """The text of a small TOML file.

    Raises:
        InvalidInput: it cannot be read, or is not small text.

    """
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_MAPPING_BYTES + 1)
        if len(raw) > MAX_MAPPING_BYTES:
            raise InvalidInput(f"{path} is too large for a mapping: is it the data file?")
        return raw.decode("utf-8")
    except OSError as error:
        raise InvalidInput(f"The mapping {path} cannot be read ({error.strerror}): check the path.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The mapping {path} is not UTF-8 text: save it as UTF-8.") from error


def parse_mapping(text: str, where: str) -> Mapping:
    """The mapping that a TOML text describes. `where` names it in errors.

    Raises:
        InvalidInput: it cannot be understood.

    """
    return parse_toml(text, where, Mapping)


_Model = TypeVar("_Model", bound=BaseModel)


def parse_toml(text: str, where: str, model: type[_Model]) -> _Model:
    """A strict model from a TOML text.

    Raises:
        InvalidInput: not TOML, or a key is missing, unknown or wrong; the sentence names the first.

    """
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The mapping {where} is not valid TOML: {error}.") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        at = f"at {key}: " if key else ""
        raise InvalidInput(f"The mapping {where} is wrong {at}{said[:1].lower() + said[1:]}; see docs/importing.md.") from error
