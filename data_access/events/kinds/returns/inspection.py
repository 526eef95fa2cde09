"""What became of a return, or of some of its units."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from data_access.domain.events import Event, EventPart, Id, Note, Units
from data_access.domain.returns.fates import NEXT, STATES, Components, Fate, FateStep, columns_of, effects_of, steps_of, units_of
from data_access.events.context import Contradiction, EventContext, NotYet
from data_access.events.judging import change_row
from data_access.events.kind import EventKind
from data_access.events.known_facts import KnownFact
from data_access.events.needs import Needs
from data_access.schema.returns import return_line


class InspectedUnits(EventPart):
    """Units of a return that become something else.

    `line_ref`: the order line, `sku`: the component of a kit; both can be left out where the return has only one. `before`: what they
    are; "waiting" where it is left out.
    """

    line_ref: Id | None = None
    sku: Id | None = None
    quantity: Units
    before: Fate | None = None
    after: Fate
    note: Note | None = None

    @model_validator(mode="after")
    def _possible(self) -> "InspectedUnits":
        if self.after not in NEXT[self.before or "waiting"]:
            possible = ", ".join(NEXT[self.before or "waiting"])
            raise ValueError(f"units that are {self.before or 'waiting'} cannot become {self.after}, only {possible}")
        return self


class Inspection(Event):
    """What became of a return, or of a `part` of it: all units that wait get `disposition`, or each of `units` becomes what it says."""

    kind: Literal["inspection"] = "inspection"
    channel_id: Id
    return_ref: Id
    part: Id | None = None
    disposition: Literal["restock", "refurbish", "discard"] | None = None
    units: Annotated[tuple[InspectedUnits, ...] | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Inspection":
        if (self.disposition is None) == (self.units is None):
            raise ValueError("give either a disposition of the whole return or the units")
        return self


@dataclass(slots=True)
class _Returned:
    """A line of the return: its row, what a unit of it is made of, what happened to its units, and what now happens to them.

    `fact`: of a line whose purchase is known; `counts`: it moves stock.
    """

    row: dict[str, Any]
    components: Components
    fact: KnownFact | None
    line_ref: str | None
    steps: list[FateStep]
    fresh: list[FateStep]

    @property
    def counts(self) -> bool:
        return bool(self.row["moves_stock"]) and (self.fact is None or self.fact.counts)

    def units(self) -> Counter[tuple[str, Fate]]:
        return units_of(self.row["quantity"], self.components, (*self.steps, *self.fresh))


def _handle(context: EventContext, event: Inspection, row_id: int) -> list[str]:
    returned = _lines_of(context, event)
    if event.disposition is not None:
        _decide_on_all(returned, event, event.disposition)
    for units in event.units or ():
        _decide_on(returned, event, units)
    _need_unsold(context, returned)
    for line in returned:
        if line.fresh:
            _carry_out(context, line, row_id)
    return [_key(event)]


def _lines_of(context: EventContext, event: Inspection) -> list[_Returned]:
    """The lines that came in, or those of the part.

    Raises:
        NotYet: none came in yet.
        Contradiction: it came in in parts, and the inspection names none.

    """
    key = (event.channel_id, event.return_ref)
    lines = [_Returned(row, row["components"], None, None, steps_of(row, row["components"]), []) for row in context.returns[key]]
    refs = {known.line_id: ref for order in context.orders.values() if order is not None for ref, known in order.lines.items()}
    for fact in context.facts.of_return(key):
        line = context.line_of(fact)
        steps = steps_of(fact.row, line.components)
        lines.append(_Returned(fact.row, line.components, fact, refs[line.line_id], steps, []))
    if event.part is None and any(line.row["part"] is not None for line in lines):
        raise Contradiction(f"Return {event.return_ref} on {event.channel_id} came in in parts: say which part was inspected.")
    of_part = [line for line in lines if line.row["part"] == event.part]
    if not of_part:
        raise NotYet(_key(event))
    return sorted(of_part, key=lambda line: int(line.row["id"]))


def _key(event: Inspection) -> str:
    return f"return:{event.channel_id}:{event.return_ref}"


def _decide_on_all(returned: Sequence[_Returned], event: Inspection, disposition: Fate) -> None:
    for line in returned:
        for (sku, fate), count in line.units().items():
            if fate == "waiting" and count:
                line.fresh.append(FateStep(event.occurred_at, sku, "waiting", disposition, count))
    if not any(line.fresh for line in returned):
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} was inspected already: its units can be put back only once; "
            "correct the stock with an adjustment."
        )


def _decide_on(returned: Sequence[_Returned], event: Inspection, units: InspectedUnits) -> None:
    before: Fate = units.before or "waiting"
    meant = [line for line in returned if units.line_ref in (None, line.line_ref)]
    skus = {sku for line in meant for sku, _ in line.components}
    if units.sku is None and len(skus) > 1:
        raise Contradiction(
            f"Return {event.return_ref} on {event.channel_id} is of several SKUs ({', '.join(sorted(skus))}): say of which the units are."
        )
    left = units.quantity
    for line in meant:
        for sku, _ in line.components:
            taken = min(left, line.units()[(sku, before)]) if units.sku in (None, sku) else 0
            if taken:
                line.fresh.append(FateStep(event.occurred_at, sku, before, units.after, taken, units.note))
                left -= taken
    if left:
        raise NotYet(_key(event))


def _need_unsold(context: EventContext, returned: Sequence[_Returned]) -> None:
    """What is no longer sellable must lie there, and be promised to nobody."""
    taken: Counter[tuple[str, str]] = Counter()
    for line in returned:
        for step in line.fresh if line.counts else ():
            if STATES[step.before] == "sellable" and STATES[step.after] != "sellable":
                taken[(step.sku, line.row["location_id"])] += step.quantity
    for (sku, location_id), units in taken.items():
        free = max(context.unit.ledger.level(sku, location_id).free, 0)
        if free < units:
            raise Contradiction(
                f"{units} of {sku} are to leave what can be sold at {location_id}, where only {free} are not ordered by anyone: "
                "change as many, or correct the stock with an adjustment."
            )


def _carry_out(context: EventContext, line: _Returned, row_id: int) -> None:
    unit, row = context.unit, line.row
    steps = [*line.steps, *line.fresh]
    values = {**columns_of(row["quantity"], line.components, steps), "is_disposition_assumed": False}
    if line.fact is not None:
        change_row(context, line.fact, values)
    else:
        row.update(values)
        unit.change(return_line, row["id"], values)
    unit.touch("returns", "return", row["id"])
    for step in line.fresh if line.counts else ():
        for effect in effects_of(step):
            unit.ledger.move(row_id, step.at, (step.sku, row["location_id"], effect.state), effect.kind, effect.quantity)


def _needs(event: Inspection) -> Needs:
    return Needs(returns=(event.channel_id, event.return_ref))


KIND = EventKind(
    model=Inspection, label="Inspection", rank=140, movement_kinds=("restock", "refurbish", "discard"), needs=_needs, handle=_handle
)
