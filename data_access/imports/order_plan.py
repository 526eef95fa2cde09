"""What is decided for a whole file of orders before its rows are written, and what became of some rows."""

from dataclasses import dataclass, field

import polars as pl

from data_access.imports.files.mapping import Mapping
from data_access.imports.files.opening import OPENINGS
from data_access.imports.files.returns import MATCHES
from data_access.imports.import_run import Tally


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be taken, and why. `external_sku`: the listing that it waits for, if that is why."""

    row_no: int
    line_number: int
    reference: str
    code: str
    reason: str
    external_sku: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """What a changed row says that was not taken as a change, and why."""

    line_number: int
    reference: str
    code: str
    reason: str


@dataclass(slots=True)
class Chunk:
    """What became of some rows. `taken`: row numbers that are dealt with, new or not; `keys`: what events may wait for.

    `changed`: the orders (channel, reference) whose known lines the rows changed.
    """

    tally: Tally = field(default_factory=Tally)
    bad: list[Bad] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)

    def __add__(self, other: "Chunk") -> "Chunk":
        tally = Tally()
        tally.add(self.tally)
        tally.add(other.tally)
        return Chunk(
            tally,
            self.bad + other.bad,
            self.ignored + other.ignored,
            self.taken + other.taken,
            self.keys + other.keys,
            self.changed + other.changed,
        )


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """`run_id`: of the import; `matches`: purchases of returns, by `files.returns.MATCHES`; `openings`: by `files.opening.OPENINGS`.

    `is_elsewhere`: a rule says that the rows leave from another location than the mapping's, so that no other stock is held for them.
    """

    mapping: Mapping
    source: str
    run_id: int
    matches: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MATCHES))
    openings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OPENINGS))
    is_elsewhere: bool = False

    @property
    def channel_id(self) -> str:
        """The channel that the rows are of."""
        return self.mapping.channel.id

    @property
    def location_id(self) -> str:
        """The location that the goods leave and come back to."""
        return self.mapping.location.id

    @property
    def reserved_at(self) -> str | None:
        """The one location whose stock open lines hold; None for those that serve the channel."""
        return self.location_id if self.is_elsewhere else None

    @property
    def disposition(self) -> str | None:
        """The disposition that returns are assumed to get."""
        return self.mapping.returns.disposition if self.mapping.returns is not None else None

    def openings_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The openings whose SKU has its first row of the file among these rows."""
        if self.openings.is_empty() or rows.is_empty():
            return self.openings.clear()
        return self.openings.filter(pl.col("position").is_between(rows["position"].min(), rows["position"].max()))
