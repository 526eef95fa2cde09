"""What an event kind is: its model, what it refers to, what it does, and how people call it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from data_access.domain.events import Event
from data_access.events.context import EventContext
from data_access.events.needs import Needs

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind(Generic[E]):
    """One kind of event, declared as `KIND` in a module of `data_access.events.kinds`.

    `model`: its fields; the default of its field `kind` is the kind's name, and its docstring says what happened.
    `label`: what people read.
    `rank`: of events at one instant, lower ranks are handled first, parents before children; it saves parking.
    `movement_kinds`: the kinds of stock movements that it makes.
    `needs`: what is looked up and locked before it is handled.
    `handle`: takes in one event as row `event.id`: checks first, then changes. It raises `NotYet` or `Contradiction` before it has
    changed anything, and returns the keys of the parents that it made, for others may wait for them.
    """

    model: type[E]
    label: str
    rank: int
    movement_kinds: tuple[str, ...] = ()
    needs: Callable[[E], Needs]
    handle: Callable[[EventContext, E, int], list[str]]

    @property
    def name(self) -> str:
        """The value of `event.kind`."""
        return str(self.model.model_fields["kind"].default)
