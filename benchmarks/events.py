"""Events a second through the whole path (JSON checked, ledger, projections, versions), sale : shipment : tracking = 5 : 4 : 3.

    python -m benchmarks.events [--size medium] [--url postgresql://...]

Builds a scratch demo store of the size first, in a temporary folder (or in the empty database given). Prints one JSON object.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.demo import build_demo
from data_access.engine import now_us, open_engine
from data_access.events.ingest import ingest
from data_access.events.models import parse
from data_access.queries.verification.verify import verify
from data_access.schema.catalog import listing
from data_access.schema.channels import channel, channel_location
from data_access.schema.orders import order_line

BATCH = 500


def made_events(engine: Engine, count: int, seed: int, run: str) -> list[str]:
    """JSON of events: of each five sales four are shipped, three of these tracked, mixed as they would come."""
    chance = random.Random(seed)
    with engine.connect() as connection:
        serving: dict[str, list[str]] = {}
        for row in connection.execute(sa.select(channel_location).order_by(channel_location.c.priority)):
            serving.setdefault(row.channel_id, []).append(row.location_id)
        shops = {row.channel_id: row.currency for row in connection.execute(sa.select(channel)) if row.kind != "retail"}
        query = sa.select(listing.c.channel_id, listing.c.external_sku).where(listing.c.sku.is_not(None))
        listings = [row for row in connection.execute(query) if row.channel_id in shops]
    events: list[dict[str, Any]] = []
    at = now_us()
    for number in range(count // 12 * 5):
        sold = chance.choice(listings)
        at += 1_000
        base = {"source": f"bench-{run}", "received_at": at, "channel_id": sold.channel_id, "order_ref": f"{run}-{number}"}

        def head(kind: str, after: int, base: dict[str, Any] = base, number: int = number, at: int = at) -> dict[str, Any]:
            return {**base, "kind": kind, "event_id": f"{kind}-{number}", "occurred_at": at + after}

        line = {"line_ref": "1", "external_sku": sold.external_sku, "quantity": 1, "unit_price": 199_900}
        events.append({**head("sale", 0), "currency": shops[sold.channel_id], "lines": [line]})
        if number % 5 < 4:
            where = serving[sold.channel_id][0]
            units = [{"line_ref": "1", "quantity": 1}]
            events.append({**head("shipment", 100), "shipment_ref": "p1", "location_id": where, "lines": units})
        if number % 5 < 3:
            events.append({**head("tracking", 200), "shipment_ref": "p1", "tracking_number": f"T{number}"})
    return [json.dumps(event) for event in events]


def one_by_one(engine: Engine, texts: list[str]) -> dict[str, float]:
    times = []
    for text in texts:
        started = time.perf_counter()
        ingest(engine, [parse(text)])
        times.append(time.perf_counter() - started)
    return {
        "events": len(times),
        "per_second": len(times) / sum(times),
        "p50_ms": statistics.median(times) * 1000,
        "p99_ms": sorted(times)[int(len(times) * 0.99)] * 1000,
    }


def in_batches(engine: Engine, texts: list[str]) -> dict[str, float]:
    longest = 0.0
    begun = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        started = time.perf_counter()
        ingest(engine, [parse(text) for text in texts[start : start + BATCH]])
        longest = max(longest, time.perf_counter() - started)
    took = time.perf_counter() - begun
    return {"events": len(texts), "batch": BATCH, "per_second": len(texts) / took, "longest_batch_ms": longest * 1000}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", default="medium")
    options.add_argument("--url")
    options.add_argument("--single", type=int, default=3_600)
    options.add_argument("--batched", type=int, default=36_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{folder}/bench.db"
        today: date = datetime.now(UTC).date()
        build_demo(url, given.size, 1, today, Path(folder) / "truth")
        engine = open_engine(url)
        with engine.connect() as connection:
            lines = connection.execute(sa.select(sa.func.count()).select_from(order_line)).scalar_one()
        single, batched = made_events(engine, given.single, 1, "one"), made_events(engine, given.batched, 2, "many")
        result = {
            "store": engine.dialect.name,
            "size": given.size,
            "order_lines": lines,
            "one_transaction_each": one_by_one(engine, single),
            "batches": in_batches(engine, batched),
            "differences": verify(engine).differences,
        }
        engine.dispose()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
