"""What the ledger works on: levels, order lines, the steps of a key, and the rows that it is to write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

State = Literal["sellable", "unsellable"]
Key = tuple[str, str, State]
RANK_IN: Final = 0
RANK_OUT: Final = 1
RANK_COUNT: Final = 2


@dataclass(slots=True)
class Level:
    """Stock of a SKU at a location, as the projection holds it; units. `on_hand` = `sellable` + `unsellable`."""

    sku: str
    location_id: str
    sellable: int = 0
    unsellable: int = 0
    allocated: int = 0
    on_order: int = 0
    tracked_from: int | None = None
    last_at: int = 0
    is_assumed: bool = False
    last_rank: int = RANK_COUNT  # of the movement at last_at; unknown for a stored level, so the highest

    @property
    def free(self) -> int:
        """Units that a line may still be allocated."""
        return self.sellable - self.allocated


@dataclass(slots=True)
class Line:
    """An order line as far as stock is concerned. `components`: (SKU, units in one unit of the line)."""

    line_id: int
    order_id: int
    channel_id: str
    sku: str
    components: tuple[tuple[str, int], ...]
    quantity: int
    placed_at: int
    location_id: str | None = None
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0
    backordered: int = 0
    allocations: dict[str, int] = field(default_factory=dict)
    stored_allocations: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """Units neither shipped nor cancelled. What has shipped cannot be cancelled."""
        return max(self.quantity - self.shipped - self.cancelled, 0)

    @property
    def allocated(self) -> int:
        """Units allocated, over all locations."""
        return sum(self.allocations.values())


class Movement(NamedTuple):
    """A row of the ledger that is to be appended."""

    event: int
    line_no: int
    sku: str
    location_id: str
    state: State
    kind: str
    quantity: int
    occurred_at: int


class TakenBack(NamedTuple):
    """A step of a stored event that shall not have been: its position, and the units that it moved by itself."""

    event: int
    occurred_at: int
    rank: int
    units: int


class CountFact(NamedTuple):
    """A count or opening that is to be kept. `tie` orders counts of one instant."""

    event: int
    sku: str
    location_id: str
    state: State
    quantity: int
    occurred_at: int
    tie: str


class Effect(NamedTuple):
    """What happens to the stock of a SKU: signed units, in a state, at a time."""

    state: State
    kind: str
    quantity: int
    occurred_at: int


class HistoryRow(NamedTuple):
    """A shipment or return that moved no stock, for it came before the location's first count or opening.

    `effects`: what it does to stock once it counts, by SKU.
    """

    table: Literal["shipment", "return_line"]
    row_id: int
    event: int
    components: tuple[tuple[str, int], ...]
    happened_at: int
    effects: tuple[tuple[str, Effect], ...]


@dataclass(slots=True, order=True)
class Step:
    """What one event does to one key, at its position. `derived`: the discrepancy or count difference posted so far."""

    occurred_at: int
    rank: int
    tie: str
    event: int
    base: int = field(compare=False)
    derived: int = field(compare=False, default=0)
    target: int | None = field(compare=False, default=None)
    kind: str = field(compare=False, default="discrepancy")


class Source(Protocol):
    """Where the ledger reads what it was not handed: the store, or a test's memory."""

    def steps(self, key: Key, since: int) -> list[Step]:
        """The stored steps of a key at or after a time, in any order."""

    def next_line_no(self, event: int) -> int:
        """The first number not used by the stored movements of an event."""

    def backordered_lines(self, sku: str) -> Iterable[Line]:
        """Stored lines with backordered units that need this SKU."""

    def allocated_lines(self, sku: str, location_id: str) -> Iterable[Line]:
        """Stored lines with units of this SKU allocated at this location."""

    def history(self, sku: str, location_id: str, since: int, until: int | None) -> Sequence[HistoryRow]:
        """Stored history in [since, until) that concerns this SKU at this location, oldest first."""
