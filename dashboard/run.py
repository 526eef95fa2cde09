"""Running OnHand: the app, the jobs that are due and, for the demo company, its live events, as children that begin and end together."""

import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from dashboard.jobs.keeper import JobKeeper
from dashboard.processes import Child
from dashboard.settings import Settings
from data_access.errors import InvalidInput, OnHandError
from data_access.store_address import absolute

HEALTH: Final = "/_stcore/health"
STARTING_SECONDS: Final = 60.0
ENDING_SECONDS: Final = 8.0
STEADY_SECONDS: Final = 60.0  # a child that ran this long is not failing at once: its next restart waits the least again
MOST_BACKOFF_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.2
STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


def app_command() -> list[str]:
    """The command line of the app's process, which takes all else from its environment (`child_environment`)."""
    return [sys.executable, "-P", "-m", "dashboard.server"]  # -P: no module of the folder it is started in takes the place of ours


def live_command() -> list[str]:
    """The command line of the live events' process."""
    return [sys.executable, "-m", "dashboard.cli", "live"]


def child_environment(settings: Settings, url: str) -> dict[str, str]:
    """The environment of a child, which runs in the project's folder."""
    return {
        **os.environ,
        "ONHAND_DATABASE_URL": absolute(url),
        "ONHAND_VAR_DIR": str(settings.var_dir.absolute()),
        "ONHAND_HOST": settings.host,
        "ONHAND_PORT": str(settings.port),
        "ONHAND_ORIGINS": ",".join(settings.origins),
    }


def require_free_port(host: str, port: int) -> None:
    """Make sure that nobody listens there.

    Raises:
        InvalidInput: the port is taken, or the address is not of this machine.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InvalidInput(
            f"Port {port} on {host} cannot be used ({error.strerror}): stop what uses it, or choose another with `make run PORT=...`."
        ) from error


def is_healthy(host: str, port: int) -> bool:
    """Whether the app answers. Other paths answer 200 too, so the body counts."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().read() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP), which then raise nothing."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in STOPPING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def supervise(settings: Settings, url: str, live: bool, say: Say, stop: threading.Event) -> int:
    """Run the app, the jobs that are due, and live events if `live`, until `stop` is set (code 0) or the app ends (its code).

    Live events that end by themselves are started again after a growing wait. Jobs start once the app answers, so that pages come first.

    Raises:
        OnHandError: the app does not come up.

    """
    environment = child_environment(settings, url)
    app = Child(app_command(), environment)
    events: Child | None = None
    keeper = JobKeeper(settings.model_copy(update={"database_url": url}), environment, say)
    try:
        events = Child(live_command(), environment) if live else None
        if _comes_up(app, settings, stop):
            say(f"OnHand is at http://{'localhost' if settings.host == '127.0.0.1' else settings.host}:{settings.port} (Ctrl-C ends it)")
            keeper.start()
        return _watch(app, events, say, stop)
    finally:
        deadline = time.monotonic() + ENDING_SECONDS
        parts = [part for part in (app, events, keeper) if part is not None]
        for part in parts:
            part.ask_to_end()
        for part in parts:
            part.end(deadline)


def _comes_up(app: Child, settings: Settings, stop: threading.Event) -> bool:
    while not stop.is_set() and app.exit_code() is None:
        if is_healthy(settings.host, settings.port):
            return True
        if time.monotonic() - app.started > STARTING_SECONDS:
            raise OnHandError(f"The app did not answer on port {settings.port} within {STARTING_SECONDS:.0f} s: see its messages above.")
        stop.wait(TICK_SECONDS)
    return False


def _watch(app: Child, live: Child | None, say: Say, stop: threading.Event) -> int:
    backoff = 1.0
    restart_at: float | None = None
    while not stop.wait(TICK_SECONDS):
        code = app.exit_code()
        if code is not None:
            say(f"The app ended by itself (code {code}): see its messages above.")
            return code if code > 0 else 1
        if live is None:
            continue
        if restart_at is not None:
            if time.monotonic() >= restart_at:
                restart_at = None
                live.restart()
        elif live.exit_code() is not None:
            backoff = 1.0 if time.monotonic() - live.started > STEADY_SECONDS else min(backoff * 2, MOST_BACKOFF_SECONDS)
            say(f"The live events ended by themselves (code {live.exit_code()}): started again in {backoff:.0f} s.")
            restart_at = time.monotonic() + backoff
    return 0
