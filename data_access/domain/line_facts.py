"""Which facts of an order line can all be: the same answer in whatever order they were told. Pure.

A package is one, however many sources tell it: by its reference, or by its carrier and tracking number. Of what is left, facts count
in the order in which they happened, each whole, as long as they fit: no more leaves than was ordered, no more comes back than left.
What does not fit counts for nothing, until another fact makes room. Cancellations count until all is cancelled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

FactKind = Literal["shipment", "cancellation", "return"]
SAME_PACKAGE: Final = "same_package"
SAME_CANCELLATION: Final = "same_cancellation"
BEYOND_ORDERED: Final = "beyond_ordered"
BEYOND_SHIPPED: Final = "beyond_shipped"
OTHER_UNITS: Final = "other_units"
CODES: Final = (SAME_PACKAGE, SAME_CANCELLATION, BEYOND_ORDERED, BEYOND_SHIPPED, OTHER_UNITS)
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
class Judgement:
    """Whether a fact counts: `code` is None, or why it does not. `twin`: the row of the fact that it repeats.

    `units`: of a cancellation that counts, those that it cancels; where fewer are left than it says, they are fewer.
    """

    code: str | None = None
    twin: int | None = None
    units: int | None = None


def judge(ordered: int, facts: Iterable[LineFact]) -> dict[int, Judgement]:
    """A judgement of each fact of a line of `ordered` units, by its row id."""
    by_kind: dict[FactKind, list[LineFact]] = {"shipment": [], "cancellation": [], "return": []}
    for fact in sorted(facts, key=lambda one: (one.at, one.reference, one.quantity, one.tie)):
        by_kind[fact.kind].append(fact)
    judgements = _shipments(ordered, by_kind["shipment"])
    left = sum(fact.quantity for fact in by_kind["shipment"] if judgements[fact.row_id].code is None)
    judgements |= _cancellations(ordered, by_kind["cancellation"])
    return judgements | _in_turn(by_kind["return"], left, BEYOND_SHIPPED)


def is_one_package(one: LineFact, other: LineFact) -> bool:
    """Whether two shipments of a line are tellings of one package."""
    if one.reference == other.reference:
        return True
    if one.tracking_number is None or one.tracking_number != other.tracking_number:
        return False
    return one.carrier is None or other.carrier is None or one.carrier.casefold() == other.carrier.casefold()


def _shipments(ordered: int, shipments: Sequence[LineFact]) -> dict[int, Judgement]:
    judgements: dict[int, Judgement] = {}
    counted: list[LineFact] = []
    for fact in shipments:
        twin = next((other for other in counted if is_one_package(fact, other)), None)
        if twin is not None:
            judgements[fact.row_id] = Judgement(SAME_PACKAGE if twin.quantity == fact.quantity else OTHER_UNITS, twin.row_id)
        elif sum(other.quantity for other in counted) + fact.quantity > ordered:
            judgements[fact.row_id] = Judgement(BEYOND_ORDERED)
        else:
            judgements[fact.row_id] = Judgement()
            counted.append(fact)
    return judgements


def _cancellations(ordered: int, cancellations: Sequence[LineFact]) -> dict[int, Judgement]:
    """One of all units means all that is left, and what is beyond means it as well: nothing that may come later makes more room.

    So all count until everything is cancelled, and never for more than was ordered.
    """
    judgements: dict[int, Judgement] = {}
    counted: list[LineFact] = []
    for fact in cancellations:
        left = ordered - sum(other.quantity for other in counted)
        is_all = left <= 0
        twin = next((other for other in counted if is_all or (other.at, other.quantity) == (fact.at, fact.quantity)), None)
        if twin is None:
            judgements[fact.row_id] = Judgement(units=min(fact.quantity, left))
            counted.append(fact)
        else:
            judgements[fact.row_id] = Judgement(SAME_CANCELLATION, twin.row_id)
    return judgements


def _in_turn(facts: Sequence[LineFact], limit: int, code: str) -> dict[int, Judgement]:
    judgements: dict[int, Judgement] = {}
    total = 0
    for fact in facts:
        fits = total + fact.quantity <= limit
        total += fact.quantity if fits else 0
        judgements[fact.row_id] = Judgement(None if fits else code)
    return judgements
