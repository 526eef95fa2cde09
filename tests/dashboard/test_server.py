"""The app's process: its options, its log, its end."""

import json
import logging
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnected

from dashboard.server import OPTIONS, is_worth_logging, streamlit_options
from dashboard.settings import Settings
from data_access.errors import InvalidInput
from tests.conftest import ROOT
from tests.dashboard.serving import first_message, served

SOURCE = ROOT / ".streamlit" / "config.toml"
FOREIGN = """
[server]
enableXsrfProtection = false
fileWatcherType = "poll"
[client]
disableDataExport = false
[theme]
font = "serif"
[theme.light]
codeTextColor = "#ff0000"
"""
IN_FORCE = """
import json, sys
from streamlit import config
from streamlit.web.server.starlette.starlette_server import UvicornRunner
def report(runner):
    json.dump({name: config.get_option(name) for name in config._config_options_template}, sys.stdout, default=str)
UvicornRunner.run = report
from dashboard.server import main
main()
"""


def record(error: BaseException | None, level: int = logging.ERROR) -> logging.LogRecord:
    raised = None if error is None else (type(error), error, None)
    return logging.LogRecord("uvicorn.error", level, __file__, 1, "Exception in ASGI application", None, raised)


def options_in_force(folder: Path) -> dict[str, Any]:
    """Every option of Streamlit as the server has it at the moment it would begin to listen, started in `folder`."""
    environment = {**os.environ, "ONHAND_PORT": "8512", "ONHAND_VAR_DIR": str(folder / "var")}
    command = [sys.executable, "-P", "-c", IN_FORCE]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    options: dict[str, Any] = json.loads(ended.stdout)
    del options["server.cookieSecret"]  # another one at each start
    return options


def leaves(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in section.items():
        values.update(leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return values


def test_only_a_browser_that_left_and_chatter_are_left_out() -> None:
    assert not is_worth_logging(record(WebSocketDisconnected("closed")))
    assert is_worth_logging(record(RuntimeError("something else")))
    assert is_worth_logging(record(None))
    assert is_worth_logging(record(None, logging.WARNING))
    assert not is_worth_logging(record(None, logging.INFO))


def test_every_option_of_the_file_is_in_force_in_an_empty_folder_and_no_other_is(tmp_path: Path) -> None:
    expected = {**leaves(tomllib.loads(SOURCE.read_text(encoding="utf-8"))), "server.port": 8512}
    assert {"theme.headingFontSizes", "theme.dark.textColor", "client.disableDataExport", "runner.postScriptGC"} < set(expected)
    options = options_in_force(tmp_path)
    assert {name: options[name] for name in expected} == expected
    foreign = tmp_path / "foreign"
    (foreign / ".streamlit").mkdir(parents=True)
    (foreign / ".streamlit" / "config.toml").write_text(FOREIGN, encoding="utf-8")
    assert options_in_force(foreign) == options


def test_the_theme_reaches_a_browser_from_an_empty_folder_and_a_signal_ends_the_app_in_order(tmp_path: Path, sqlite_url: str) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    with served(folder, ONHAND_DATABASE_URL=sqlite_url, ONHAND_VAR_DIR=str(tmp_path / "var")) as server:
        session = first_message(server.port).new_session
        theme = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["theme"]
        assert session.custom_theme.base_font_size == theme["baseFontSize"]
        assert list(session.custom_theme.heading_font_sizes) == theme["headingFontSizes"]
        assert list(session.custom_theme.heading_font_weights) == theme["headingFontWeights"]
        assert session.custom_theme.light.primary_color == theme["light"]["primaryColor"]
        assert session.custom_theme.dark.dataframe_header_background_color == theme["dark"]["dataframeHeaderBackgroundColor"]
        assert session.config.disable_data_export
        assert not session.config.gather_usage_stats
        assert server.end(signal.SIGTERM) == 0
        assert server.log.read_text(encoding="utf-8") == f"OnHand is at http://127.0.0.1:{server.port} (Ctrl-C ends it)\n"
        assert list(folder.iterdir()) == []


def test_the_options_lie_in_the_package(tmp_path: Path) -> None:
    assert OPTIONS.samefile(SOURCE)
    assert OPTIONS.parent == ROOT / "dashboard"
    assert "*.toml" in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["*"]
    missing = tmp_path / "streamlit.toml"
    with pytest.raises(InvalidInput) as refused:
        streamlit_options(Settings(), missing)
    reason = f"[Errno 2] No such file or directory: '{missing}'"
    assert str(refused.value) == f"The app's options cannot be read from {missing} ({reason}): install OnHand again."
