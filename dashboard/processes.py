"""Child processes, each with a group of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


class Child:
    """A process in a group of its own, so that Ctrl-C reaches this process alone, which then ends its children in order.

    It runs in the project's folder. `messages`: the file that takes what it writes; without one, its errors go to this process's stderr.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], messages: Path | None = None) -> None:
        self._command = command
        self._environment = dict(environment)
        self._messages = messages
        self.started = time.monotonic()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        if self._messages is None:
            return self._open(subprocess.DEVNULL, None)
        self._messages.parent.mkdir(parents=True, exist_ok=True)
        with self._messages.open("wb") as file:
            return self._open(file.fileno(), subprocess.STDOUT)

    def _open(self, out: int, errors: int | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command lines
            self._command, env=self._environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, start_new_session=True
        )

    def exit_code(self) -> int | None:
        """The code it ended with; None while it runs."""
        return self._process.poll()

    def restart(self) -> None:
        """Start it again after it ended."""
        self._process = self._start()

    def ask_to_end(self) -> None:
        """Ask it, and whatever it started, to end."""
        self._signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds), then end it for certain."""
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
