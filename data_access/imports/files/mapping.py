"""Mappings: small TOML files that say how a channel writes its orders. `docs/importing.md` explains every key."""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from data_access.errors import InvalidInput
from data_access.imports.files.mapping_parts import (
    DEFAULT_IDENTITY,
    DEFAULT_OF_ORDER,
    ChannelPart,
    ChargesPart,
    ColumnsPart,
    FilePart,
    FormatsPart,
    ItemsPart,
    LinesPart,
    LocationPart,
    MappingPart,
    Meaning,
    OrderColumn,
    ReturnsPart,
    RowsRule,
    SkusPart,
    WriteOffsPart,
)

MAX_MAPPING_BYTES: Final = 256_000
MAX_DEPTH: Final = 50
_TEXTS: Final = re.compile(r'"{3}[\s\S]*?"{3}|\'{3}[\s\S]*?\'{3}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*')


class Mapping(MappingPart):
    """One mapping, as its TOML file says."""

    description: Annotated[str, Field(max_length=1_000)] = ""
    channel: ChannelPart
    location: LocationPart
    file: FilePart = FilePart()
    columns: ColumnsPart
    formats: FormatsPart = FormatsPart()
    lines: LinesPart = LinesPart()
    skus: SkusPart = SkusPart()
    items: ItemsPart | None = None
    rows: list[RowsRule] = []
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
        if self.lines.quantity is not None:
            self._check_packages()
        if self.lines.reopens and self.columns.status is None:
            raise ValueError("lines.reopens needs columns.status, which says that a line lives again")
        foreign = [name for name in self.lines.of_order or () if name not in self.columns.named]
        if foreign:
            raise ValueError(f"lines.of_order names {', '.join(foreign)}, which columns does not map")
        if (self.columns.status is None) != (not self.status):
            raise ValueError("columns.status and the table [status] go together")
        if self.write_offs is not None and self.columns.price is None:
            raise ValueError("write_offs needs columns.price")
        return self

    def _check_packages(self) -> None:
        """Rows name the units of their packages, so these must be named, and be no part of what a line is known by."""
        if self.columns.tracking_number is None and self.columns.carrier is None:
            raise ValueError("lines.quantity needs columns.tracking_number or columns.carrier")
        if self.columns.shipped_quantity is not None:
            raise ValueError("lines.quantity is for files without columns.shipped_quantity")
        if "quantity" in (self.lines.identity or ()):
            raise ValueError("lines.identity names quantity, which is the package's by lines.quantity")

    @cached_property
    def file_columns(self) -> list[str]:
        """All columns of the file that must be there, as the file calls them."""
        mapped = [column for source in self.columns.named.values() for column in source.columns if column not in source.optional]
        mapped += [column for rule in self.rows for column in rule.where]
        if self.items is not None:
            parts = [self.items.column] if self.items.total is None else [self.items.column, self.items.total]
            mapped = [*(column for column in mapped if column not in self.items.names), *parts]
        return list(dict.fromkeys(mapped))

    @cached_property
    def optional_columns(self) -> list[str]:
        """Columns of the file that are read if they are there."""
        optional = [column for source in self.columns.named.values() for column in source.optional]
        return [column for column in dict.fromkeys(optional) if column not in self.file_columns]

    @cached_property
    def never_empty(self) -> list[str]:
        """Those of them that no row of goods leaves empty."""
        needed = (self.columns.order, self.columns.external_sku, self.columns.quantity)
        single = [source.columns[0] for source in needed if len(source.columns) == 1 and not source.optional and source.otherwise is None]
        return [column for column in single if column in self.file_columns]

    @cached_property
    def routes(self) -> list["Mapping"]:
        """The mapping itself, then for each rule that sends rows elsewhere the mapping that they are read by, in the order of the rules."""
        elsewhere = [rule for rule in self.rows if rule.then is None]
        return [self, *(self._elsewhere(rule) for rule in elsewhere)]

    def _elsewhere(self, rule: RowsRule) -> "Mapping":
        return self.model_copy(update={"channel": rule.channel or self.channel, "location": rule.location or self.location})

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns whose content, with its occurrence number, stands for a line id."""
        own = (name for name in DEFAULT_IDENTITY if name in self.columns.named and (name, self.lines.quantity) != ("quantity", "package"))
        return tuple(self.lines.identity or own)

    @property
    def rows_are_packages(self) -> bool:
        """Whether rows say how many units their package holds."""
        return self.lines.quantity == "package" or self.columns.shipped_quantity is not None

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


def _is_deep(text: str) -> bool:
    """Whether brackets stand in each other, or a line has dots, beyond what a mapping may have."""
    depth, bare = 0, _TEXTS.sub("", text)
    for bracket in re.findall(r"[\[\](){}]", bare):
        depth = depth + 1 if bracket in "[{(" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            return True
    return any(line.count(".") > MAX_DEPTH for line in bare.splitlines())


_Model = TypeVar("_Model", bound=BaseModel)


def parse_toml(text: str, where: str, model: type[_Model]) -> _Model:
    """A strict model from a TOML text.

    Raises:
        InvalidInput: not TOML, or a key is missing, unknown or wrong; the sentence names the first.

    """
    if _is_deep(text):  # the parser would take all memory
        raise InvalidInput(f"The mapping {where} is nested more than {MAX_DEPTH} levels deep: is it a mapping?")
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
