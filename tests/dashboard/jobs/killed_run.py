"""A forecast run in a process of its own, for tests that kill it: the store's address, the folder, the run's id."""

import sys
from pathlib import Path

from dashboard.jobs.forecast_run import make
from data_access.engine import open_engine
from tests.dashboard.jobs.test_forecast_run import EFFORT

if __name__ == "__main__":
    url, place, run_id = sys.argv[1:]
    make(open_engine(url), Path(place) / "mirror", Path(place) / "forecasts", int(run_id), effort=EFFORT)
