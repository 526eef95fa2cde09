"""Make sure that a Chromium is there for the browser tests: the system's, else Playwright's, else Debian's package when root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _starts(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() and _starts(path) else None


def find_chromium() -> str | None:
    """The path of a Chromium that starts: the system's, else the one Playwright installed."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None and _starts(path):
            return path
    return _playwrights()


def main() -> None:
    """Find a Chromium or install one. Without any, the tests say so themselves: nothing fails here."""
    if find_chromium() is not None:
        return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if find_chromium() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            "apt-get update && apt-get install -y chromium",
            shell=True,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    if find_chromium() is None:
        print("No Chromium could be found or installed: install one to run the browser tests.", file=sys.stderr)


if __name__ == "__main__":
    main()
