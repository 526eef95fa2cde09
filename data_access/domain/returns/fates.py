"""What became of a return's units: each waits until it is inspected; then it is restocked, refurbished and repaired, or discarded.

A return line keeps this in one of two ways. Where inspection decided on all its units at once and nothing changed since, `disposition`
and `inspected_at` say all. Else `fates` is the whole story, step by step, and the two only sum it up.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from data_access.domain.ledger_state import Effect, State

Fate = Literal["waiting", "restock", "refurbish", "repaired", "discard"]
FATES: Final[tuple[Fate, ...]] = get_args(Fate)
STATES: Final[Mapping[Fate, State | None]] = {
    "waiting": "unsellable",
    "refurbish": "unsellable",
    "restock": "sellable",
    "repaired": "sellable",
    "discard": None,
}
"""The state of stock of units by their fate; None: no stock any more."""
NEXT: Final[Mapping[Fate, tuple[Fate, ...]]] = {
    "waiting": ("restock", "refurbish", "discard"),
    "refurbish": ("repaired", "discard", "restock", "waiting"),
    "restock": ("refurbish", "discard", "waiting"),
    "repaired": ("refurbish", "discard"),
    "discard": ("restock", "refurbish", "repaired", "waiting"),
}
"""What units may become, by what they are: any decision can be changed; only what was refurbished is repaired."""

Components = Sequence[tuple[str, int]]
"""The stocked SKUs that one unit of a return line is made of, and how many of each."""


class FateStep(NamedTuple):
    """Some units of a SKU become something else, at a time in microseconds; `note`: of their condition."""

    at: int
    sku: str
    before: Fate
    after: Fate
    quantity: int
    note: str | None = None


def steps_of(row: Mapping[str, Any], components: Components) -> list[FateStep]:
    """What happened to the units of a return line, in the order told. `row`: by the columns of `return_line`."""
    if row["fates"] is not None:
        return [FateStep(*step) for step in json.loads(row["fates"])]
    if row["disposition"] is None or row["inspected_at"] is None:
        return []
    return [FateStep(row["inspected_at"], sku, "waiting", row["disposition"], row["quantity"] * per) for sku, per in components]


def units_of(quantity: int, components: Components, steps: Iterable[FateStep]) -> Counter[tuple[str, Fate]]:
    """Units by SKU and fate, of a return line of `quantity`; they add up to what was received."""
    units: Counter[tuple[str, Fate]] = Counter({(sku, "waiting"): quantity * per for sku, per in components})
    for step in steps:
        units[(step.sku, step.before)] -= step.quantity
        units[(step.sku, step.after)] += step.quantity
    return units


def columns_of(quantity: int, components: Components, steps: Sequence[FateStep]) -> dict[str, Any]:
    """The columns of `return_line` that keep these steps, in whatever order they were told: `fates`, `disposition`, `inspected_at`."""
    steps = sorted(steps, key=lambda step: (step.at, _place(components, step.sku), step[2:5], step.note or ""))
    units = units_of(quantity, components, steps)
    waits = any(units[(sku, "waiting")] for sku, _ in components)
    ended = {fate for (_, fate), count in units.items() if count}
    inspected = max((step.at for step in steps if step.before == "waiting"), default=None)
    values: dict[str, Any] = {
        "inspected_at": None if waits else inspected,
        "disposition": _decision(ended) if not waits and len(ended) == 1 else None,
        "fates": None,
    }
    if steps and steps_of({**values, "quantity": quantity}, components) != steps:
        values["fates"] = json.dumps([list(step) for step in steps], separators=(",", ":"))
    return values


def _decision(ended: Iterable[Fate]) -> Fate:
    (fate,) = ended
    return "restock" if fate == "repaired" else fate


def _place(components: Components, sku: str) -> int:
    return next(place for place, (part, _) in enumerate(components) if part == sku)


def effects_of(step: FateStep) -> list[Effect]:
    """What a step does to stock at its SKU and the return's location; what is changed goes back the way it came."""
    before, after = STATES[step.before], STATES[step.after]
    if before == after:
        return []
    kind = "discard" if None in (before, after) else "restock"
    moved = ((before, -step.quantity), (after, step.quantity))
    return [Effect(state, kind, units, step.at) for state, units in moved if state is not None]


def effects_on_stock(row: Mapping[str, Any], components: Components) -> list[tuple[str, Effect]]:
    """What a return line does to stock, by SKU: in as unsellable, then what became of its units."""
    came_in = [(sku, Effect("unsellable", "return_received", row["quantity"] * per, row["received_at"])) for sku, per in components]
    return came_in + [(step.sku, effect) for step in steps_of(row, components) for effect in effects_of(step)]
