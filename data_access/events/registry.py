"""All event kinds, found by themselves in `data_access.events.kinds`; and what follows from them: reading events, the store's checks."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Union

from pydantic import Field, TypeAdapter
from sqlalchemy import CheckConstraint

from data_access.domain.events import Event
from data_access.events import kinds
from data_access.events.kind import EventKind
from data_access.events.needs import Needs
from data_access.schema.base import one_of
from data_access.schema.stock import LEDGER_KINDS, ROW_KIND, event, stock_movement


def _discovered() -> dict[str, EventKind[Any]]:
    modules = (module.name for module in pkgutil.walk_packages(kinds.__path__, f"{kinds.__name__}.") if not module.ispkg)
    by_rank = sorted((importlib.import_module(name).KIND for name in modules), key=lambda kind: (kind.rank, kind.name))
    return {kind.name: kind for kind in by_rank}


KINDS: Final[Mapping[str, EventKind[Any]]] = MappingProxyType(_discovered())
"""Every kind by its name, by rank."""
MOVEMENT_KINDS: Final = tuple(dict.fromkeys([*(name for kind in KINDS.values() for name in kind.movement_kinds), *LEDGER_KINDS]))
"""Every kind of stock movement: those that events make, and those of the ledger itself."""

event.append_constraint(CheckConstraint(one_of("kind", (*KINDS, ROW_KIND)), name="kind"))
stock_movement.append_constraint(CheckConstraint(one_of("kind", MOVEMENT_KINDS), name="kind"))

_models: Any = Union[tuple(kind.model for kind in KINDS.values())]  # noqa: UP007 - the kinds are known at run time
_adapter: TypeAdapter[Event] = TypeAdapter(Annotated[_models, Field(discriminator="kind")])


def parse(raw: dict[str, Any] | str | bytes) -> Event:
    """An event from its JSON or a dictionary.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or out of range.

    """
    if isinstance(raw, dict):
        return _adapter.validate_python(raw)
    return _adapter.validate_json(raw)


def needs_of(event: Event) -> Needs:
    """What an event refers to."""
    return KINDS[event.kind].needs(event)


def parents_of(event: Event) -> list[str]:
    """The keys to lock before an event is looked at: its parents, or the event itself."""
    return needs_of(event).parents or [f"event:{event.source}:{event.event_id}"]
