"""Starting an import from the app: the command line's own, in a process of its own, which goes on when whoever asked for it leaves."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Engine

from dashboard.processes import ROOT
from dashboard.run import child_environment
from dashboard.settings import Settings
from data_access.commands.imports import ImportRequest, allow_import
from data_access.errors import StoreUnavailable

_RESULT: Final = "result.json"
_MESSAGES: Final = "messages.log"
_LONGEST: Final = 1_000  # characters of a message
_children: Final[dict[Path, subprocess.Popen[bytes]]] = {}  # by the file that is imported: those that this process started


@dataclass(frozen=True, slots=True)
class ImportState:
    """How the import of a file stands. `result`: the facts of `ImportResult`, once it is done; `problem`: why it failed, a sentence."""

    is_running: bool
    result: dict[str, Any] | None = None
    problem: str = ""


def start(settings: Settings, engine: Engine, request: ImportRequest, actor: str) -> None:
    """Begin an import in a process of its own.

    Raises:
        Forbidden: the actor may not import files.
        InvalidInput: the file was changed since the person saw it.
        StoreUnavailable: the store or the file's folder cannot be written.

    """
    allow_import(engine, request, actor)
    folder = request.path.parent
    try:
        with (folder / _RESULT).open("wb") as result, (folder / _MESSAGES).open("wb") as messages:
            _children[request.path] = subprocess.Popen(  # noqa: S603 - our own command line
                command_line(request),
                env=child_environment(settings, settings.database_url),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=result,
                stderr=messages,
                start_new_session=True,
            )
    except OSError as error:
        raise StoreUnavailable(f"The import could not be started ({error.strerror}): check that {folder} can be written.") from error


def command_line(request: ImportRequest) -> list[str]:
    """The command line that imports the file."""
    options = {"mapping": request.mapping, "channel": request.channel_id, "location": request.location_id}
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return [sys.executable, "-m", "dashboard.cli", "import", request.kind, str(request.path.absolute()), *given, "--json"]


def state(path: Path) -> ImportState | None:
    """How the import of a kept file stands; None if it was not started."""
    child = _children.get(path)
    if child is None:
        return None
    if child.poll() is None:
        return ImportState(is_running=True)
    if child.returncode == 0:
        return ImportState(is_running=False, result=json.loads((path.parent / _RESULT).read_text(encoding="utf-8")))
    lines = (path.parent / _MESSAGES).read_text(encoding="utf-8", errors="replace").splitlines()
    message = next((line.strip() for line in reversed(lines) if line.strip()), "")[:_LONGEST]
    sentence = message.replace(str(path.absolute()), path.name) or f"It was stopped (code {child.returncode}): start it again."
    return ImportState(is_running=False, problem=sentence)
