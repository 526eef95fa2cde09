"""Ten thousand orders of a file, imported by a mapping: the command line's rates are those that a few lines of Python find in the file."""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.engine import open_engine
from data_access.imports.order_import import import_orders
from data_access.mirror.scan import open_mirror
from data_access.mirror.writing import catch_up

HERE = ZoneInfo("Europe/Amsterdam")
ORDERS = 10_000
MAPPING = """
description = "An export of the web shop's orders."
[channel]
id = "export"
name = "Export"
kind = "webstore"
currency = "EUR"
time_zone = "Europe/Amsterdam"
[location]
id = "depot"
name = "Depot"
[columns]
order = "order"
line = "line"
external_sku = "sku"
quantity = "units"
placed = "placed"
status = "status"
ship_by = "ship_by"
shipped = "shipped"
carrier = "carrier"
tracking_number = "tracking"
tracking_uploaded = "uploaded"
first_scan = "scanned"
deliver_by = "deliver_by"
delivered = "delivered"
cancelled = "cancelled"
cancelled_by = "cancelled_by"
[formats]
dates = ["%Y-%m-%dT%H:%M:%S%z"]
[skus]
unknown = "create"
[status]
"placed" = ["placed"]
"shipped" = ["shipped"]
"returned" = ["shipped", "returned"]
"cancelled" = ["cancelled"]
[cancelled_by]
"buyer" = "buyer"
"seller" = "seller"
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last orders of the small demo's web shop, a row a line; without orders that left in several parts or were partly cancelled."""
    folder = tmp_path_factory.mktemp("export")
    build_demo(folder / "demo.db", "small", 7, datetime.now(UTC).date(), folder / "truth")
    engine = open_engine(f"sqlite:///{folder / 'demo.db'}")
    catch_up(engine, folder / "mirror")
    engine.dispose()
    mirror = open_mirror(folder / "mirror")
    assert mirror is not None
    sent = mirror.scan("shipment").group_by("line_id").agg(pl.col(*SENT).first(), parts=pl.len()).collect()
    gone = mirror.scan("cancellation").group_by("line_id").agg(pl.col("cancelled_at", "cancelled_by").first()).collect()
    lines = (
        mirror.scan("line")
        .filter(pl.col("channel_id") == "shop")
        .collect()
        .join(sent, on="line_id", how="left")
        .join(gone, on="line_id", how="left")
        .with_columns(whole=(pl.col("parts").fill_null(1) == 1) & (pl.col("cancelled_quantity") * pl.col("shipped_quantity") == 0))
        .filter(pl.col("whole").all().over("order_id"))
    )
    chosen = lines.group_by("order_id").agg(pl.col("placed_at").max()).sort("placed_at", "order_id").tail(ORDERS)
    rows = lines.join(chosen, on="order_id", how="semi").with_columns(
        status=pl.when(pl.col("returned_quantity") > 0)
        .then(pl.lit("returned"))
        .when(pl.col("shipped_quantity") > 0)
        .then(pl.lit("shipped"))
        .when(pl.col("cancelled_quantity") > 0)
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("placed"))
    )
    path = folder / "orders.csv"
    rows.select(
        *(pl.col(name).alias(called) for name, called in COLUMNS.items()),
        *(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S+0000").alias(called) for name, called in TIMES.items()),
    ).write_csv(path)
    return path


SENT = ("shipped_at", "carrier", "tracking_number", "tracking_uploaded_at", "first_scan_at", "delivered_at")
COLUMNS = {
    "order_id": "order",
    "line_ref": "line",
    "sku": "sku",
    "quantity": "units",
    "status": "status",
    "carrier": "carrier",
    "tracking_number": "tracking",
    "cancelled_by": "cancelled_by",
}
TIMES = {
    "placed_at": "placed",
    "ship_by_at": "ship_by",
    "shipped_at": "shipped",
    "tracking_uploaded_at": "uploaded",
    "first_scan_at": "scanned",
    "deliver_by_at": "deliver_by",
    "delivered_at": "delivered",
    "cancelled_at": "cancelled",
}


def rates(path: Path, now: datetime) -> dict[str, tuple[int, int]]:
    """Misses and what was judged of each metric, from the file alone."""
    orders: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(path.read_text().splitlines()):
        orders[row["order"]].append(row)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(name: str, dated: str, days: int, lag: int, late: bool | None) -> None:
        last = now.astimezone(HERE).date() - timedelta(days=lag)
        if late is not None and last - timedelta(days=days - 1) <= day(dated) <= last:
            counts[name][0] += late
            counts[name][1] += 1

    for lines in orders.values():
        live = [row for row in lines if row["status"] != "cancelled"]
        count("own-cancellation-30d", lines[0]["placed"], 30, 0, cancelled(lines, live))
        if not live:
            continue
        ship_by, deliver_by = min(row["ship_by"] for row in live), min(row["deliver_by"] for row in live)
        count("own-return-60d", live[0]["placed"], 60, 0, any(row["status"] == "returned" for row in live))
        count("own-late-shipment-30d", ship_by, 30, 0, judged([(row["shipped"], row["ship_by"]) for row in live], now))
        scans = [(row["scanned"], plus(row["shipped"], 14)) for row in live]
        uploads = [(row["tracking"] and (row["uploaded"] or row["shipped"]), row["ship_by"]) for row in live]
        count("own-tracking-on-time-30d", ship_by, 30, 0, judged(scans + uploads, now))
        if all(row["tracking"] or row["delivered"] for row in live if row["shipped"]):
            count("own-on-time-delivery-30d", deliver_by, 30, 7, judged([(row["delivered"], row["deliver_by"]) for row in live], now))
        for package in {row["tracking"] for row in live if row["shipped"]}:  # what has no number left together
            inside = [row for row in live if row["tracking"] == package and row["shipped"]]
            sent, scan = min(row["shipped"] for row in inside), min((row["scanned"] for row in inside if row["scanned"]), default="")
            count("own-valid-tracking-30d", sent, 30, 14, judged([(scan, plus(sent, 14))], now))
    return {name: (misses, total) for name, (misses, total) in counts.items()}


def cancelled(lines: list[dict[str, str]], live: list[dict[str, str]]) -> bool | None:
    by = {row["cancelled_by"] for row in lines if row["status"] == "cancelled"}
    return True if "seller" in by else False if live else None


def judged(waits: list[tuple[str, str]], now: datetime) -> bool | None:
    """Missed, in time, or (None) still open: what happened, and by when it had to."""
    text = now.strftime("%Y-%m-%dT%H:%M:%S+0000")
    if any(by and by < text and (not at or at > by) for at, by in waits):
        return True
    return False if all(at for at, _ in waits) else None


def plus(text: str, days: int) -> str:
    return text and (datetime.fromisoformat(text) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S+0000")


def day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(HERE).date()


def test_the_rates_of_a_file_are_those_of_the_command_line(export: Path, sqlite_store: Engine, tmp_path: Path) -> None:
    mapping = tmp_path / "export.toml"
    mapping.write_text(MAPPING)
    result = import_orders(sqlite_store, export, str(mapping))
    assert result.quarantined == 0
    environment = {**os.environ, "ONHAND_DATABASE_URL": str(sqlite_store.url), "ONHAND_VAR_DIR": str(tmp_path / "var")}
    now = datetime.now(UTC)
    command = [sys.executable, "-m", "dashboard.cli", "scorecard", "--channel", "export", "--json"]
    cards = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    expected = rates(export, now)
    assert {row["metric_id"]: (row["misses"], row["denominator"]) for row in cards} == expected
    assert sum(total for _, total in expected.values()) > 5_000
    assert all(misses for misses, _ in expected.values())
