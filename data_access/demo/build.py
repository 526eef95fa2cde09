"""Making a demo company's store, and its truth file."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from data_access.demo.history import make_history
from data_access.demo.load import Progress, load_store, require_empty
from data_access.demo.truth import write_truth
from data_access.demo.waiting import HEARD_AFTER_US
from data_access.engine import now_us
from data_access.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was made. `order_lines` counts the lines that became orders."""

    size: str
    seed: int
    as_of: date
    skus: int
    order_lines: int
    rows: int
    truth: Path

    def __str__(self) -> str:
        return (
            f"Made the demo company ({self.size}, seed {self.seed}, as of {self.as_of.isoformat()}): {self.skus:,} SKUs, "
            f"{self.order_lines:,} order lines, {self.rows:,} rows."
        )


def build_demo(
    engine_url_or_path: str | Path,
    size: str,
    seed: int,
    as_of: date,
    truth_dir: Path,
    progress: Progress | None = None,
    until_us: int | None = None,
) -> DemoSummary:
    """Make the demo store at a database URL, or in a new SQLite file, and `<truth_dir>/<seed>.parquet` beside it.

    The history ends with the as-of date (in UTC); if that is today, now, or at `until_us`.

    Raises:
        InvalidInput: unknown size, a date to come, or there is a store already.
        StoreUnavailable: the database or the folder cannot be written.

    """
    url = str(engine_url_or_path)
    if "://" not in url:
        url = f"sqlite:///{url}"
    now = now_us()
    today = datetime.fromtimestamp(now / 1e6, UTC).date()
    if until_us is None and as_of > today:
        raise InvalidInput(f"The demo cannot end on {as_of.isoformat()}, a day to come: choose today or an earlier day.")
    require_empty(url)
    # Of now, what was not heard of yet is left out: nothing was received in the future.
    history = make_history(size, seed, as_of, now - HEARD_AFTER_US if until_us is None and as_of == today else until_us)
    truth = write_truth(history.truth, truth_dir, seed)
    rows = load_store(url, history, progress)
    return DemoSummary(size, seed, as_of, len(history.company.skus), history.order_lines, rows, truth)
