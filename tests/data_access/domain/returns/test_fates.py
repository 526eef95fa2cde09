"""What became of returned units: every unit has one fate, whatever the steps, and the columns of a line say it again."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.ledger_state import Effect
from data_access.domain.returns.fates import (
    FATES,
    NEXT,
    STATES,
    Fate,
    FateStep,
    columns_of,
    effects_of,
    effects_on_stock,
    steps_of,
    units_of,
)

KIT = (("A", 1), ("B", 2))


def line(quantity: int, steps: list[FateStep], components: tuple[tuple[str, int], ...] = (("A", 1),)) -> dict[str, object]:
    return {"quantity": quantity, "received_at": 5, **columns_of(quantity, components, steps)}


def test_a_decision_on_all_units_needs_no_steps() -> None:
    steps = [FateStep(9, "A", "waiting", "restock", 3), FateStep(9, "B", "waiting", "restock", 6)]
    kept = line(3, steps[::-1], KIT)
    assert kept == {"quantity": 3, "received_at": 5, "inspected_at": 9, "disposition": "restock", "fates": None}
    assert steps_of(kept, KIT) == steps


def test_three_units_of_a_line_end_three_ways() -> None:
    fates: tuple[Fate, ...] = ("restock", "refurbish", "discard")
    steps = [FateStep(7 + place, "A", "waiting", fate, 1) for place, fate in enumerate(fates)]
    kept = line(3, steps)
    assert (kept["inspected_at"], kept["disposition"]) == (9, None)
    assert units_of(3, (("A", 1),), steps_of(kept, (("A", 1),))) == Counter({("A", fate): 1 for fate in fates})
    assert effects_on_stock(kept, (("A", 1),)) == [
        ("A", Effect("unsellable", "return_received", 3, 5)),
        ("A", Effect("unsellable", "restock", -1, 7)),
        ("A", Effect("sellable", "restock", 1, 7)),
        ("A", Effect("unsellable", "discard", -1, 9)),
    ]


def test_a_line_waits_until_its_last_unit_is_inspected() -> None:
    some = [FateStep(7, "A", "waiting", "restock", 2)]
    assert (line(3, some)["inspected_at"], line(3, some)["disposition"]) == (None, None)
    rest = [*some, FateStep(8, "A", "waiting", "restock", 1)]
    assert (line(3, rest)["inspected_at"], line(3, rest)["disposition"]) == (8, "restock")
    taken_back = [*rest, FateStep(9, "A", "restock", "waiting", 1)]
    assert (line(3, taken_back)["inspected_at"], line(3, taken_back)["disposition"]) == (None, None)


def test_what_is_repaired_is_restocked_in_the_end() -> None:
    steps = [FateStep(7, "A", "waiting", "refurbish", 1), FateStep(9, "A", "refurbish", "repaired", 1)]
    kept = line(1, steps)
    assert (kept["inspected_at"], kept["disposition"]) == (7, "restock")
    assert [effects_of(step) for step in steps] == [[], [Effect("unsellable", "restock", -1, 9), Effect("sellable", "restock", 1, 9)]]


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, list[FateStep]]:
    """A line of the kit, and steps that its units can take."""
    quantity = draw(st.integers(1, 4))
    steps: list[FateStep] = []
    for at in range(draw(st.integers(0, 8))):
        there = sorted((sku, fate) for (sku, fate), count in units_of(quantity, KIT, steps).items() if count)
        sku, before = draw(st.sampled_from(there))
        units = draw(st.integers(1, units_of(quantity, KIT, steps)[sku, before]))
        steps.append(FateStep(at, sku, before, draw(st.sampled_from(NEXT[before])), units, draw(st.sampled_from((None, "torn box")))))
    return quantity, steps


@given(stories(), st.randoms(use_true_random=False))
def test_every_unit_has_one_fate_and_stock_is_what_they_are(story: tuple[int, list[FateStep]], order: object) -> None:
    quantity, steps = story
    units = units_of(quantity, KIT, steps)
    assert all(units[sku, fate] >= 0 for sku, _ in KIT for fate in FATES)
    assert {sku: sum(units[sku, fate] for fate in FATES) for sku, _ in KIT} == {"A": quantity, "B": 2 * quantity}
    shuffled = list(steps)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    kept = line(quantity, shuffled, KIT)
    assert kept == line(quantity, steps, KIT)
    assert units_of(quantity, KIT, steps_of(kept, KIT)) == units
    assert (kept["inspected_at"] is None) == bool(units["A", "waiting"] or units["B", "waiting"])
    stock: Counter[tuple[str, str]] = Counter()
    for sku, effect in effects_on_stock(kept, KIT):
        stock[sku, effect.state] += effect.quantity
    for sku, _ in KIT:
        for state in ("sellable", "unsellable"):
            assert stock[sku, state] == sum(units[sku, fate] for fate in FATES if STATES[fate] == state)
