"""Starting a job from a page: in a process of its own, so that the page goes on meanwhile."""

import subprocess
from typing import Final

from sqlalchemy.engine import Engine

from dashboard.jobs.keeper import onhand_command
from dashboard.jobs.registry import job
from dashboard.jobs.run_job import messages_file
from dashboard.processes import ROOT
from dashboard.run import child_environment
from dashboard.settings import Settings
from data_access.commands.jobs import begin, end
from data_access.errors import StoreUnavailable

_children: Final[list[subprocess.Popen[bytes]]] = []  # those that this process started and that may be running


def start(settings: Settings, engine: Engine, name: str, actor: str) -> int:
    """Begin a run in a process of its own, which ends with the app; its id.

    Raises:
        Forbidden: the actor may not run jobs.
        InvalidInput: there is no such job.
        Conflict: it is running already.
        StoreUnavailable: the store or the folder of its messages cannot be written.

    """
    _children[:] = [child for child in _children if child.poll() is None]
    run_id = begin(engine, job(name).name, actor)
    messages = messages_file(settings, name)
    try:
        messages.parent.mkdir(parents=True, exist_ok=True)
        with messages.open("wb") as file:
            _children.append(
                subprocess.Popen(  # noqa: S603 - our own command line
                    onhand_command(name, run_id),
                    env=child_environment(settings, settings.database_url),
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            )
    except OSError as error:
        sentence = f"The job could not be started ({error.strerror}): check that {messages.parent} can be written."
        end(engine, run_id, "failed", sentence)
        raise StoreUnavailable(sentence) from error
    return run_id
