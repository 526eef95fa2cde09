"""The app's process: Streamlit behind the guard, with the options of `.streamlit/config.toml`, whatever folder it is started in."""

import logging
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import streamlit as st
from starlette.middleware import Middleware
from starlette.websockets import WebSocketDisconnected
from streamlit import file_util

from dashboard.guard import Guard, content_security_policy
from dashboard.private_files import OTHERS, make_private
from dashboard.scripts import SCRIPTS
from dashboard.settings import Settings, settings
from data_access.errors import InvalidInput, OnHandError

HERE: Final = Path(__file__).resolve().parent
OPTIONS: Final = HERE / "streamlit.toml"  # a link to .streamlit/config.toml; an installed package has a copy
BAD_INPUT: Final = 2


def is_worth_logging(record: logging.LogRecord) -> bool:
    """Whether a record of the server's log is a warning or worse, and of more than a browser that left.

    When a browser leaves in the middle of an answer, Streamlit 1.67 may find its connection closed by its own sender, closes it
    once more, and writes a long traceback of that. Nothing is wrong then.
    """
    is_of_leaving = record.exc_info is not None and isinstance(record.exc_info[1], WebSocketDisconnected)
    return record.levelno >= logging.WARNING and not is_of_leaving


def streamlit_options(used: Settings, path: Path = OPTIONS) -> dict[str, Any]:
    """Every option of the file by its dotted name (`theme.light.textColor`), then the address and port of the app's settings.

    Raises:
        InvalidInput: the file is missing or not TOML.

    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"The app's options cannot be read from {path} ({error}): install OnHand again.") from error
    return {**_dotted(sections), "server.address": used.host, "server.port": used.port}


def _dotted(sections: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in sections.items():
        options |= _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return options


def web_app(used: Settings) -> st.App:
    """The app as the server runs it, behind the guard. Once it is ready it says where it is."""

    @asynccontextmanager
    async def announced(_app: st.App) -> AsyncIterator[None]:
        host = f"[{used.host}]" if ":" in used.host else used.host
        print(f"OnHand is at http://{host}:{used.port} (Ctrl-C ends it)", flush=True)  # noqa: T201 - for who runs `onhand serve`
        yield

    page = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    guard = Middleware(Guard, host=used.host, origins=used.origins, policy=content_security_policy(page, SCRIPTS))
    return st.App(HERE / "app.py", middleware=[guard], lifespan=announced)


def main() -> None:
    """Serve the app until SIGINT or SIGTERM, with exit code 0 then; what a person can cause is a sentence and exit code 2."""
    os.umask(OTHERS)
    try:
        used = settings()
        options = streamlit_options(used)
        make_private(used)
    except OnHandError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a process's last words
        sys.exit(BAD_INPUT)
    os.chdir(HERE.parent)  # Streamlit would read a `.streamlit` of the folder that the app was started in
    logging.getLogger("uvicorn.error").addFilter(is_worth_logging)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))  # the server ends in order first, and then hands the signal on
    web_app(used).run(config=options)


if __name__ == "__main__":
    main()
