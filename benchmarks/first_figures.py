"""Time to first figures: from `onhand run` in an empty folder to the first page with figures in Chromium.

python benchmarks/first_figures.py [small|medium]
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.e2e.conftest import launch

LIMIT_SECONDS = 30.0


def main(size: str) -> int:
    """Print the seconds to each step. Fails above the limit."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if browser is None:
            print("no Chromium was found")
            return 2
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        environment = {**os.environ, "ONHAND_DATABASE_URL": f"sqlite:///{folder}/onhand.db", "ONHAND_VAR_DIR": folder}
        command = [sys.executable, "-m", "dashboard.cli", "run", "--port", str(port), "--size", size]
        started = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                print(f"{time.monotonic() - started:6.1f} s  {line.rstrip()}")
                if line.startswith("OnHand is at"):
                    break
            page.goto(f"http://127.0.0.1:{port}")
            page.locator(".oh-value").first.wait_for(timeout=60_000)
            seconds = time.monotonic() - started
            print(f"{seconds:6.1f} s  first figures (at most {LIMIT_SECONDS:.0f} s)")
            print(f"store of {Path(folder, 'onhand.db').stat().st_size / 1e6:.0f} MB, size {size}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
            browser.close()
    return 0 if seconds <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "small"))
