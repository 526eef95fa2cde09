"""The supervisor behind `make run`: starts the app and live events, and ends both."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import polars as pl
import psutil
import pytest

from dashboard.jobs.run_job import STOPPED
from dashboard.run import is_healthy
from data_access.commands.jobs import SCHEDULE
from data_access.forecasts.reading import Forecast
from data_access.queries.forecasts import runs
from data_access.queries.jobs import runs as job_runs
from tests.conftest import opened

STARTING = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """`onhand run` as a real process, its lines as they come."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        environment = {**os.environ, "ONHAND_DATABASE_URL": url, "ONHAND_VAR_DIR": str(folder / "var")}
        command = [sys.executable, "-m", "dashboard.cli", "run", "--port", str(self.port), *arguments]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines: Queue[str] = Queue()
        self.seen: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self.process.stdout.close()

    def line_with(self, text: str) -> str:
        """The next line that holds `text`."""
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.2)
            except Empty:
                if self.process.poll() is not None and self._lines.empty():
                    break
                continue
            self.seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"no line with {text!r} in {self.seen}")

    def child(self, word: str) -> psutil.Process:
        """The child whose command line has `word`."""
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            for process in psutil.Process(self.process.pid).children():
                if word in process.cmdline():
                    return process
            time.sleep(0.1)
        raise AssertionError(f"no child with {word}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join(10)
        while not self._lines.empty():
            self.seen.append(self._lines.get())
        return code


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_empty_place_becomes_an_own_store_and_a_signal_ends_all(tmp_path: Path, running: list[Running], number: signal.Signals) -> None:
    run = Running(f"sqlite:///{tmp_path / 'own.db'}", tmp_path, "--no-demo")
    running.append(run)
    assert run.line_with("OnHand is at") == f"OnHand is at http://localhost:{run.port} (Ctrl-C ends it)"
    assert run.seen[0].startswith("Made an empty store in sqlite:///")
    assert is_healthy("127.0.0.1", run.port)
    children = run.children()
    assert len(children) == 1
    assert run.end(number) == 0
    assert not any(child.is_running() for child in children)
    assert not any("Traceback" in line for line in run.seen)
    assert not is_healthy("127.0.0.1", run.port)


def test_live_events_are_started_again_and_the_app_s_end_ends_all(tmp_path: Path, demo_today_url: str, running: list[Running]) -> None:
    run = Running(demo_today_url, tmp_path)
    running.append(run)
    run.line_with("OnHand is at")
    live = run.child("live")
    live.send_signal(signal.SIGKILL)
    assert run.line_with("live events ended") == "The live events ended by themselves (code -9): started again in 2 s."
    again = run.child("live")
    assert again.pid != live.pid
    run.child("dashboard.server").send_signal(signal.SIGKILL)
    assert run.line_with("The app ended") == "The app ended by itself (code -9): see its messages above."
    assert run.process.wait(20) == 1
    assert not again.is_running()


def test_ctrl_c_ends_the_app_and_live_events(tmp_path: Path, demo_today_url: str, running: list[Running]) -> None:
    run = Running(demo_today_url, tmp_path)
    running.append(run)
    run.line_with("OnHand is at")
    run.child("live")
    children = run.children()
    assert run.end(signal.SIGINT) == 0
    assert not any(child.is_running() for child in children)
    assert not any("Traceback" in line for line in run.seen)


def test_a_demo_s_first_forecast_is_made_without_being_asked_for(tmp_path: Path, demo_today_url: str, running: list[Running]) -> None:
    run = Running(demo_today_url, tmp_path)
    running.append(run)
    run.line_with("OnHand is at")
    with opened(demo_today_url) as engine:
        deadline = time.monotonic() + 4 * STARTING
        while (forecasts := runs(engine).filter(pl.col("state") == "finished")).is_empty():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        forecast = Forecast(tmp_path / "var" / "forecasts", forecasts["run_id"][0])  # what the Demand page shows
        assert forecast.ahead(0).height == 56
        assert forecasts["asked_by"].to_list() == [SCHEDULE]
        while (jobs := job_runs(engine))["status"].to_list() != ["done"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert jobs.select("job", "asked_by", "scheduled_for").rows() == [("forecast", SCHEDULE, None)]
    assert run.end(signal.SIGINT) == 0


def test_a_job_that_runs_ends_with_the_app(tmp_path: Path, demo_today_url: str, running: list[Running]) -> None:
    run = Running(demo_today_url, tmp_path)
    running.append(run)
    run.line_with("OnHand is at")
    job = run.child("jobs")
    assert run.end(signal.SIGTERM) == 0
    assert not job.is_running()
    with opened(demo_today_url) as engine:
        assert job_runs(engine).select("job", "status", "message").rows() == [("forecast", "failed", STOPPED)]


def test_a_busy_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {**os.environ, "ONHAND_DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"}
        command = [sys.executable, "-m", "dashboard.cli", "run", "--port", str(port)]
        ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Port {port} on 127.0.0.1 cannot be used (Address already in use): stop what uses it, or ")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
