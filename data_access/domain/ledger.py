"""The rules of stock: movements with their corrections, allocation, backorders. Pure: it is handed its state and says what changed.

Balances. A key is (SKU, location, state). Movements of a key take effect in the order of their *position*: time; at one instant
first what comes in, then what goes out, then counts. Where the balance would fall below 0, a `discrepancy` of the missing units
is posted with the movement, so that the balance ends at 0; a count posts the difference that makes the balance equal to it. A
movement that arrives late is put in its place and what follows is played again; where a discrepancy or a count then needs another
size, a movement of the difference is appended to the same event. So any order of arrival ends at the same balances.

Allocation. The open units of a line (`quantity - shipped - cancelled`) are allocated to locations that serve its channel, or are
backordered. For kits, whole kits are allocated, all components at one location.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence

from data_access.domain.ledger_state import (
    RANK_COUNT,
    RANK_IN,
    RANK_OUT,
    CountFact,
    Key,
    Level,
    Line,
    Movement,
    Source,
    State,
    Step,
    TakenBack,
)


class Ledger:
    """Stock and open lines of one unit of work.

    Hand it the levels and backorders of every SKU that it may touch (`hand`) before the first call; read what is to be written
    from its public collections after `settle`.
    """

    def __init__(self, source: Source, serving: Callable[[str], Sequence[str]]) -> None:
        self._source = source
        self._serving = serving
        self.levels: dict[tuple[str, str], Level] = {}
        self.backorders: dict[tuple[str, str], int] = {}
        self.lines: dict[int, Line] = {}
        self.movements: list[Movement] = []
        self.counts: list[CountFact] = []
        self.moved_history: dict[tuple[str, int], None] = {}
        self.dirty_levels: dict[tuple[str, str], Level] = {}
        self.dirty_backorders: set[tuple[str, str]] = set()
        self.dirty_lines: dict[int, Line] = {}
        self._line_no: dict[int, int] = {}
        self._new_events: set[int] = set()
        self._pending: dict[Key, list[Step]] = {}
        self._stored: dict[Key, tuple[int | None, list[Step]]] = {}
        self._late: dict[Key, list[Step]] = {}
        self._taken_back: dict[Key, list[TakenBack]] = {}
        self._supplied: dict[tuple[str, str], None] = {}
        self._drained: dict[tuple[str, str], None] = {}
        self._backlog_loaded: set[str] = set()
        self._backlog: dict[str, dict[int, Line]] = {}
        self._tracked: list[tuple[str, str, int, int | None]] = []
        self._handed: set[str] = set()
        self._waiting: dict[str, int] = {}

    def hand(self, skus: Iterable[str], levels: Iterable[Level], backorders: Iterable[tuple[str, str, int]]) -> None:
        """Give it SKUs with all their stored levels, and their backorders as (SKU, channel, units)."""
        self._handed.update(skus)
        for level in levels:
            self.levels[(level.sku, level.location_id)] = level
        for sku, channel_id, units in backorders:
            self.backorders[(sku, channel_id)] = units
            self._waiting[sku] = self._waiting.get(sku, 0) + units

    def lacks(self, skus: Iterable[str]) -> set[str]:
        """Those of the SKUs that were not handed over yet."""
        return set(skus) - self._handed

    # ---- movements -------------------------------------------------------------------------------------------------

    def begins(self, event: int) -> None:
        """An event that is not stored yet: its movements are numbered from 1."""
        self._new_events.add(event)

    def level(self, sku: str, location_id: str) -> Level:
        """The level of a SKU at a location; a new one if it was never stocked there.

        Raises:
            LookupError: the SKU was not handed over, so its stored level is not known.

        """
        entry = self.levels.get((sku, location_id))
        if entry is None:
            if sku not in self._handed:
                raise LookupError(f"the levels of {sku} were not handed to the ledger")
            entry = self.levels[(sku, location_id)] = Level(sku, location_id)
        return entry

    def move(self, event: int, occurred_at: int, key: Key, kind: str, quantity: int) -> None:
        """Post a movement of signed units at a SKU, location and state, with a discrepancy where the balance would fall below 0."""
        if quantity == 0:
            return
        sku, location_id, state = key
        level = self.level(sku, location_id)
        rank = RANK_IN if quantity > 0 else RANK_OUT
        self._append(event, key, kind, quantity, occurred_at)
        step = Step(occurred_at, rank, "", event, quantity)
        if key in self._late or (occurred_at, rank) < (level.last_at, level.last_rank):
            self._late.setdefault(key, []).append(step)
        else:
            balance = self._balance(level, state) + quantity
            if balance < 0:
                step.derived = -balance
                self._append(event, key, "discrepancy", -balance, occurred_at)
                balance = 0
            self._set_balance(level, state, balance)
            self._pending.setdefault(key, []).append(step)
            level.last_at, level.last_rank = occurred_at, rank
        self._mark(level, quantity)

    def count(self, fact: CountFact, kind: str = "count", *, is_assumed: bool = False) -> None:
        """Make the balance equal to what was counted at a time. `kind`: count or opening."""
        level = self.level(fact.sku, fact.location_id)
        self.counts.append(fact)
        step = Step(fact.occurred_at, RANK_COUNT, fact.tie, fact.event, 0, target=fact.quantity, kind=kind)
        self._late.setdefault((fact.sku, fact.location_id, fact.state), []).append(step)
        if level.tracked_from is None or fact.occurred_at < level.tracked_from:
            self._tracked.append((fact.sku, fact.location_id, fact.occurred_at, level.tracked_from))
            level.tracked_from = fact.occurred_at
        level.is_assumed = level.is_assumed or is_assumed
        self._mark(level, 1)
        self._mark(level, -1)

    def take_back(self, stored: Movement) -> None:
        """A movement that an event made by itself shall not have been: its opposite is posted beside it, with its number negated."""
        key: Key = (stored.sku, stored.location_id, stored.state)
        self.movements.append(stored._replace(line_no=-stored.line_no, quantity=-stored.quantity))
        rank = RANK_IN if stored.quantity > 0 else RANK_OUT
        self._taken_back.setdefault(key, []).append(TakenBack(stored.event, stored.occurred_at, rank, stored.quantity))

    def take_back_count(self, event: int, occurred_at: int, key: Key) -> None:
        """What was counted at a time shall not have been; the caller deletes the count."""
        self._taken_back.setdefault(key, []).append(TakenBack(event, occurred_at, RANK_COUNT, 0))

    def order_more(self, sku: str, location_id: str, units: int) -> None:
        """Change the units on order at a location by a signed number."""
        level = self.level(sku, location_id)
        level.on_order += units
        self.dirty_levels[(sku, location_id)] = level

    def _mark(self, level: Level, quantity: int) -> None:
        where = (level.sku, level.location_id)
        self.dirty_levels[where] = level
        if quantity > 0:
            self._supplied[where] = None
        else:
            self._drained[where] = None

    def _append(self, event: int, key: Key, kind: str, quantity: int, occurred_at: int) -> None:
        line_no = self._line_no.get(event)
        if line_no is None:
            line_no = 1 if event in self._new_events else self._source.next_line_no(event)
        self._line_no[event] = line_no + 1
        self.movements.append(Movement(event, line_no, key[0], key[1], key[2], kind, quantity, occurred_at))

    @staticmethod
    def _balance(level: Level, state: State) -> int:
        return level.sellable if state == "sellable" else level.unsellable

    @staticmethod
    def _set_balance(level: Level, state: State, balance: int) -> None:
        if state == "sellable":
            level.sellable = balance
        else:
            level.unsellable = balance

    def _replay(self, key: Key, late: list[Step]) -> None:
        """Put late steps in their place and play again what follows."""
        level = self.level(key[0], key[1])
        state = key[2]
        taken_back = self._taken_back.pop(key, [])
        since = min([step.occurred_at for step in late] + [step.occurred_at for step in taken_back])
        pending = self._pending.setdefault(key, [])
        steps = self._stored_steps(key, since) + [step for step in pending if step.occurred_at >= since]
        balance = self._balance(level, state) - sum(step.base + step.derived for step in steps)
        by_position = {(step.event, step.rank): step for step in steps}
        for taken in taken_back:
            step = by_position[(taken.event, taken.rank)]
            step.base -= taken.units
            step.target = None
        steps.sort()
        for step in late:
            insort(steps, step)
        pending.extend(late)
        for step in steps:
            raw = balance + step.base
            derived = 0
            if step.target is not None:
                derived = step.target - raw
            elif step.rank == RANK_OUT and raw < 0:
                derived = -raw
            if derived != step.derived:
                self._append(step.event, key, step.kind, derived - step.derived, step.occurred_at)
                step.derived = derived
            balance = raw + derived
        self._set_balance(level, state, balance)
        newest = max((step.occurred_at for step in late), default=None)
        if newest is not None and newest >= level.last_at:
            level.last_at = newest
            level.last_rank = RANK_COUNT  # the careful way for whatever else comes at this instant
        self._mark(level, 1)
        self._mark(level, -1)

    def _stored_steps(self, key: Key, since: int) -> list[Step]:
        """Steps from the store, each read once: a correction made in this unit of work lives in the step that was read first."""
        begun, known = self._stored.get(key, (None, []))
        if begun is None or since < begun:
            known = known + [step for step in self._source.steps(key, since) if begun is None or step.occurred_at < begun]
            self._stored[key] = (since, known)
        return [step for step in known if step.occurred_at >= since]

    # ---- order lines -----------------------------------------------------------------------------------------------

    def place(self, line: Line) -> None:
        """Take in a new line: allocate its open units, backorder the rest."""
        self.lines[line.line_id] = line
        self._allocate(line)
        self._book(line)

    def cancel(self, line: Line, units: int) -> None:
        """Units of a line are not wanted, or cannot be had; what has shipped stays shipped."""
        line.cancelled += units
        self._trim(line, None)
        self._book(line)

    def ship(self, line: Line, units: int, location_id: str, event: int, occurred_at: int, moves_stock: bool = True) -> None:
        """Units of a line left a location: release them there first, and deduct them there."""
        line.shipped += units
        release = min(units, line.allocated)
        for where in [location_id, *sorted(line.allocations)]:
            held = min(line.allocations.get(where, 0), release)
            if held:
                self._change_allocation(line, where, -held)
                release -= held
        self._trim(line, location_id)
        self._book(line)
        if moves_stock:
            for sku, per in line.components:
                self.move(event, occurred_at, (sku, location_id, "sellable"), "shipment", -units * per)

    def reopen(self, line: Line, shipped: int, cancelled: int) -> None:
        """Units of a line have not shipped, or are not cancelled, after all; what moved is taken back by itself."""
        line.shipped -= shipped
        line.cancelled -= cancelled
        self._allocate(line)
        self._book(line)

    def remove(self, line: Line) -> None:
        """A line shall not have been: release what it holds; the caller deletes it."""
        line.quantity = line.shipped = line.cancelled = 0
        self._trim(line, None)
        self._book(line)

    def take_back_shipment(self, line: Line, units: int, location_id: str, event: int, occurred_at: int, moves_stock: bool = True) -> None:
        """A shipment of these units does not count: they are open again, and back where they left from."""
        line.shipped -= units
        self._book(line)
        for sku, per in line.components:
            self._supplied[(sku, location_id)] = None
            if moves_stock:
                self.move(event, occurred_at, (sku, location_id, "sellable"), "shipment", units * per)

    def take_back_cancellation(self, line: Line, units: int) -> None:
        """A cancellation of these units does not count: what has not shipped of them is open again."""
        line.cancelled -= units
        self._book(line)
        for sku, _ in line.components:
            self._supplied[(sku, "")] = None

    def _trim(self, line: Line, first: str | None) -> None:
        """Release allocations beyond the open units."""
        excess = line.allocated - line.open
        for where in sorted(line.allocations, key=lambda place: (place != first, place)):
            held = min(line.allocations.get(where, 0), excess)
            if held > 0:
                self._change_allocation(line, where, -held)
                excess -= held

    def _change_allocation(self, line: Line, location_id: str, units: int) -> None:
        line.allocations[location_id] = line.allocations.get(location_id, 0) + units
        if line.allocations[location_id] == 0:
            del line.allocations[location_id]
        for sku, per in line.components:
            level = self.level(sku, location_id)
            level.allocated += units * per
            self.dirty_levels[(sku, location_id)] = level
            if units < 0:
                self._supplied[(sku, location_id)] = None

    def _book(self, line: Line) -> None:
        """Bring the line's backordered units, and their projection, in line with its open and allocated units."""
        backordered = line.open - line.allocated
        change = backordered - line.backordered
        line.backordered = backordered
        self.dirty_lines[line.line_id] = line
        for sku, per in line.components:
            if change:
                where = (sku, line.channel_id)
                self.backorders[where] = self.backorders.get(where, 0) + change * per
                self._waiting[sku] = self._waiting.get(sku, 0) + change * per
                self.dirty_backorders.add(where)
            backlog = self._backlog.setdefault(sku, {})
            if backordered:
                backlog[line.line_id] = line
            else:
                backlog.pop(line.line_id, None)

    def _room(self, line: Line, location_id: str) -> int:
        return min(max(self.level(sku, location_id).free, 0) // per for sku, per in line.components)

    def _allocate(self, line: Line) -> bool:
        """Allocate what is open and not yet allocated: at the sale's own location; else where all fits; else split."""
        need = line.open - line.allocated
        if need <= 0:
            return False
        places = [line.location_id] if line.location_id is not None else self._serving(line.channel_id)
        rooms = [(place, self._room(line, place)) for place in places]
        whole = next((place for place, room in rooms if room >= need), None)
        if whole is not None:
            self._change_allocation(line, whole, need)
            return True
        took = False
        for place, room in rooms:
            units = min(room, need)
            if units > 0:
                self._change_allocation(line, place, units)
                need -= units
                took = True
        return took

    # ---- after an event --------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Work in late movements, take back allocations that stock no longer covers, serve backorders oldest first."""
        while self._late or self._taken_back or self._tracked or self._drained or self._supplied:
            late, self._late = self._late, {}
            for key in dict.fromkeys((*late, *self._taken_back)):
                self._replay(key, late.get(key, []))
            if self._tracked:
                self._wake_history()
                continue
            drained, self._drained = self._drained, {}
            for sku, location_id in drained:
                self._take_back(sku, location_id)
            supplied, self._supplied = self._supplied, {}
            for sku in sorted({sku for sku, _ in supplied}):
                self._serve(sku)

    def _wake_history(self) -> None:
        """History that a first count or opening now precedes moves stock after all; of a kit, once all components are followed."""
        tracked, self._tracked = self._tracked, []
        for sku, location_id, since, until in tracked:
            for row in self._source.history(sku, location_id, since, until):
                begun = [self.level(part, location_id).tracked_from for part, _ in row.components]
                if (row.table, row.row_id) in self.moved_history or any(at is None or at > row.happened_at for at in begun):
                    continue
                self.moved_history[(row.table, row.row_id)] = None
                for part, effect in row.effects:
                    self.move(row.event, effect.occurred_at, (part, location_id, effect.state), effect.kind, effect.quantity)

    def _take_back(self, sku: str, location_id: str) -> None:
        level = self.level(sku, location_id)
        if level.free >= 0:
            return
        stored = {line.line_id: line for line in self._source.allocated_lines(sku, location_id)}
        for line in stored.values():
            self.lines.setdefault(line.line_id, line)
        holders = [
            line for line in self.lines.values() if line.allocations.get(location_id) and any(part == sku for part, _ in line.components)
        ]
        for line in sorted(holders, key=lambda line: (line.placed_at, line.line_id), reverse=True):
            if level.free >= 0:
                return
            per = next(per for part, per in line.components if part == sku)
            units = min(line.allocations[location_id], -(level.free // per))
            self._change_allocation(line, location_id, -units)
            self._book(line)

    def _serve(self, sku: str) -> None:
        if not self._waiting.get(sku):
            return
        if sku not in self._backlog_loaded:
            self._backlog_loaded.add(sku)
            for stored in self._source.backordered_lines(sku):
                line = self.lines.setdefault(stored.line_id, stored)
                if line.backordered:
                    for part, _ in line.components:
                        self._backlog.setdefault(part, {})[line.line_id] = line
        waiting = sorted(self._backlog.get(sku, {}).values(), key=lambda line: (line.placed_at, line.line_id))
        for line in waiting:
            if self._allocate(line):
                self._book(line)
