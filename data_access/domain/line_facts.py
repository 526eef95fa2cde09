"""Which facts of an order line can all be: the same answer in whatever order they were told. Pure.

A package is one, however many sources tell it: by its reference, or by its carrier and tracking number. Of what is left, facts count
in the order in which they happened, each whole, as long as they fit: no more leaves than was ordered, no more comes back than left,
no more is cancelled than was ordered. What does not fit counts for nothing, until another fact makes room.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

FactKind = Literal["shipment", "cancellation", "return"]
SAME_PACKAGE: Final = "same_package"
SAME_CANCELLATION: Final = "same_cancellation"
BEYOND_ORDERED: Final = "beyond_ordered"
BEYOND_SHIPPED: Final = "beyond_shipped"
BEYOND_OPEN: Final = "beyond_open"
OTHER_UNITS: Final = "other_units"
CODES: Final = (SAME_PACKAGE, SAME_CANCELLATION, BEYOND_ORDERED, BEYOND_SHIPPED, BEYOND_OPEN, OTHER_UNITS)
REPEATS: Final = (SAME_PACKAGE, SAME_CANCELLATION)
"""The codes of what was told already; all others are contradictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFact:
    """Units of a line that left, were cancelled or came back at a time (microseconds).

    `reference`: of the package or return; `tie` orders facts of one instant by their content.
    """

    row_id: int
    kind: FactKind
    at: int
    quantity: int
    reference: str = ""
    carrier: str | None = None
    tracking_number: str | None = None
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a fact counts: `code` is None, or why it does not. `twin`: the row of the fact that it repeats."""

    code: str | None = None
    twin: int | None = None


def judge(ordered: int, facts: Iterable[LineFact]) -> dict[int, Verdict]:
    """A verdict for each fact of a line of `ordered` units, by its row id."""
    by_kind: dict[FactKind, list[LineFact]] = {"shipment": [], "cancellation": [], "return": []}
    for fact in sorted(facts, key=lambda one: (one.at, one.reference, one.quantity, one.tie)):
        by_kind[fact.kind].append(fact)
    verdicts = _shipments(ordered, by_kind["shipment"])
    left = sum(fact.quantity for fact in by_kind["shipment"] if verdicts[fact.row_id].code is None)
    verdicts |= _cancellations(ordered, by_kind["cancellation"])
    return verdicts | _in_turn(by_kind["return"], left, BEYOND_SHIPPED)


def is_one_package(one: LineFact, other: LineFact) -> bool:
    """Whether two shipments of a line are tellings of one package."""
    if one.reference == other.reference:
        return True
    if one.tracking_number is None or one.tracking_number != other.tracking_number:
        return False
    return one.carrier is None or other.carrier is None or one.carrier.casefold() == other.carrier.casefold()


def _shipments(ordered: int, shipments: Sequence[LineFact]) -> dict[int, Verdict]:
    verdicts: dict[int, Verdict] = {}
    counted: list[LineFact] = []
    for fact in shipments:
        twin = next((other for other in counted if is_one_package(fact, other)), None)
        if twin is not None:
            verdicts[fact.row_id] = Verdict(SAME_PACKAGE if twin.quantity == fact.quantity else OTHER_UNITS, twin.row_id)
        elif sum(other.quantity for other in counted) + fact.quantity > ordered:
            verdicts[fact.row_id] = Verdict(BEYOND_ORDERED)
        else:
            verdicts[fact.row_id] = Verdict()
            counted.append(fact)
    return verdicts


def _cancellations(ordered: int, cancellations: Sequence[LineFact]) -> dict[int, Verdict]:
    """A cancellation of all units means all that is left: it fits unless all are cancelled already."""
    verdicts: dict[int, Verdict] = {}
    counted: list[LineFact] = []
    for fact in cancellations:
        total = sum(other.quantity for other in counted)
        is_whole = fact.quantity >= ordered
        twin = next(
            (other for other in counted if (other.at, other.quantity) == (fact.at, fact.quantity) or (is_whole and total >= ordered)), None
        )
        if twin is not None:
            verdicts[fact.row_id] = Verdict(SAME_CANCELLATION, twin.row_id)
        elif total >= ordered or (not is_whole and total + fact.quantity > ordered):
            verdicts[fact.row_id] = Verdict(BEYOND_OPEN)
        else:
            verdicts[fact.row_id] = Verdict()
            counted.append(fact)
    return verdicts


def _in_turn(facts: Sequence[LineFact], limit: int, code: str) -> dict[int, Verdict]:
    verdicts: dict[int, Verdict] = {}
    total = 0
    for fact in facts:
        fits = total + fact.quantity <= limit
        total += fact.quantity if fits else 0
        verdicts[fact.row_id] = Verdict(None if fits else code)
    return verdicts
