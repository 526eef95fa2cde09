"""The app as `onhand serve` starts it, spoken to without a browser."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from dashboard.run import is_healthy


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A process of `onhand serve` in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = folder.with_name(f"{folder.name}.log")
        with self.log.open("wb") as messages:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "dashboard.cli", "serve", "--port", str(self.port)],
                cwd=folder,
                env={**os.environ, **environment},
                stdout=messages,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 60
        while not is_healthy("127.0.0.1", self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the app did not come up:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Server]:
    """The app, started in `folder`, while it answers."""
    server = Server(folder, environment)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.end()


def first_message(port: int, headers: Mapping[str, str] | None = None) -> ForwardMsg:
    """What the app sends first to a browser that opens the first page."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    with connect(address, origin=f"http://127.0.0.1:{port}", additional_headers=headers, proxy=None) as connection:  # type: ignore[arg-type]
        opening = BackMsg()
        opening.rerun_script.query_string = ""
        connection.send(opening.SerializeToString())
        message = connection.recv(timeout=30)
    assert isinstance(message, bytes)
    return ForwardMsg.FromString(message)
