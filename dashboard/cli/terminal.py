"""What commands share: what they print, their progress, the store that is set, and who types."""

import getpass
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from sqlalchemy.engine import Engine

_OBEYED = frozenset("\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")  # what `split` takes for space

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class Bar:
    """A progress bar on stderr, drawn on terminals only. Call it with what is done of how much."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def bar(title: str) -> Iterator[Bar]:
    """A progress bar for what takes long."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Bar(progress, progress.add_task(title, total=None))


@contextmanager
def current_store() -> Iterator["Engine"]:
    """The store that is set, if its schema is this code's."""
    from dashboard.settings import settings
    from data_access.engine import open_engine
    from data_access.store.lifecycle import require_current

    engine = open_engine(settings().database_url)
    try:
        require_current(engine)
        yield engine
    finally:
        engine.dispose()


def printable(text: str) -> str:
    """The text without what a terminal would obey: escapes, controls and characters that change its direction are shown by their codes."""
    if "".join(text.split()).isprintable() and not set(text) & _OBEYED:  # nearly all are, and need nothing that is slow to load
        return text
    from data_access.domain.ids import visible

    return visible(text, kept="\n\t\u200c\u200d")


def say(text: str) -> None:
    """A line for the person at the terminal, at once."""
    typer.echo(printable(text))
    sys.stdout.flush()


def emit(facts: object, lines: Iterable[str], as_json: bool) -> None:
    """Print what a command has to report: `facts` as one JSON document, or the same as `lines` of text."""
    if as_json:
        say(json.dumps(facts, default=str))
        return
    for line in lines:
        say(line)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def typist() -> str:
    """Who types here, for the audit: whoever can do that may do everything."""
    from data_access.write.permissions import COMMAND_LINE

    return f"{COMMAND_LINE} ({getpass.getuser()})"
