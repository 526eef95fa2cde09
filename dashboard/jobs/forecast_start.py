"""Starting a forecast from the app: in a process of its own, which goes on when the app or whoever asked for it leaves."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine

from dashboard.jobs.forecast_run import last_day
from dashboard.processes import ROOT
from dashboard.run import child_environment
from dashboard.settings import Settings
from data_access.commands.forecasts import RunDraft, begin
from data_access.errors import OnHandError
from data_access.forecasts.files import RunFolder, is_running

LOG: Final = "run.log"
"""What the process writes, in the run's folder."""

_LAST_WORDS: Final = 300  # characters
_children: dict[int, subprocess.Popen[bytes]] = {}  # by run: those that this process started


def next_draft(engine: Engine) -> RunDraft:
    """A forecast from all of the history that there is by now."""
    return RunDraft(last_day(engine))


def start(settings: Settings, engine: Engine, draft: RunDraft, actor: str) -> int:
    """Begin a run, or go on with the same one that was interrupted, in a process of its own; its id.

    Raises:
        Forbidden: the actor may not run forecasts.
        InvalidInput: the draft cannot be taken.
        OnHandError: a forecast is being made already.
        StoreUnavailable: the store or the run's folder cannot be written.

    """
    root = settings.forecasts_dir
    if any(child.poll() is None for child in _children.values()) or is_running(root):
        raise OnHandError("A forecast is being made already: wait until it is done.")
    run_id = begin(engine, draft, _today(), actor)
    folder = RunFolder(root, run_id)
    folder.make()
    command = [sys.executable, "-m", "dashboard.cli", "forecast", "run", "--run", str(run_id)]
    with (folder.path / LOG).open("wb") as messages:
        _children[run_id] = subprocess.Popen(  # noqa: S603 - our own command line
            command,
            env=child_environment(settings, settings.database_url),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return run_id


def is_on(root: Path, run_id: int) -> bool:
    """Whether a process is at work on a run that is marked as running, or about to be."""
    child = _children.get(run_id)
    return (child is not None and child.poll() is None) or is_running(root)


def last_words(root: Path, run_id: int) -> str:
    """The last line that the process of a run wrote; empty if it was not started here, or wrote none."""
    try:
        lines = (RunFolder(root, run_id).path / LOG).read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:_LAST_WORDS] for line in reversed(lines) if line.strip()), "")


def _today() -> date:
    return datetime.now(UTC).date()
