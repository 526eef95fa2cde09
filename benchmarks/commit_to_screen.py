"""Seconds from a committed sale to its figure on the live stock page, in a real Chromium, without a reload.

    python -m benchmarks.commit_to_screen [--size small] [--sales 60] [--background 0] [--buffers]

Builds a scratch demo store, serves it, opens one SKU's explanation and sells a unit again and again at random moments. `--background`
sends that many other events a second meanwhile. With `--buffers`, the SKU's buffer rule on the channel is saved with another amount
instead of a sale. Prints one JSON object.
"""

import argparse
import json
import random
import re
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Page, sync_playwright
from sqlalchemy.engine import Engine

from benchmarks.events import made_events
from data_access.commands.buffers import Change, save
from data_access.demo import build_demo
from data_access.domain.buffer_rules import RuleDraft
from data_access.engine import now_us, open_engine
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.events.models import parse
from data_access.schema.catalog import listing, product
from data_access.schema.channels import channel, channel_location
from data_access.schema.stock import stock_level
from data_access.write.permissions import COMMAND_LINE
from tests.e2e.conftest import launch, serving
from tests.e2e.driving import open_page

MAY_SELL = re.compile(r"may sell ([\d,]+) unit")


def busiest(engine: Engine) -> tuple[str, str, str, str, str]:
    """Channel id and name, its currency, external SKU and SKU of the best stocked thing that a channel lists and one location serves."""
    free = stock_level.c.on_hand - stock_level.c.allocated - stock_level.c.unsellable
    query = (
        sa.select(channel.c.channel_id, channel.c.name, channel.c.currency, listing.c.external_sku, listing.c.sku)
        .join(listing, listing.c.channel_id == channel.c.channel_id)
        .join(product, product.c.sku == listing.c.sku)
        .join(channel_location, channel_location.c.channel_id == channel.c.channel_id)
        .join(stock_level, sa.and_(stock_level.c.sku == listing.c.sku, stock_level.c.location_id == channel_location.c.location_id))
        .where(product.c.kit_version == 0, channel.c.kind == "webstore", listing.c.maximum.is_(None))
        .order_by(free.desc())
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise SystemExit("the store has no web shop with stock")
    return (row[0], row[1], row[2], row[3], row[4])


def shown(page: Page) -> int:
    match = MAY_SELL.search(page.get_by_text(MAY_SELL).first.inner_text())
    return int(match[1].replace(",", "")) if match else -1


def measured(page: Page, engine: Engine, sales: int, stop: threading.Event, with_buffers: bool) -> list[float]:
    """Seconds of each, and then tells the background to stop."""
    channel_id, name, currency, external_sku, sku = busiest(engine)
    amount, rule_id = 0, None
    open_page(page, f"{page.url}stock?channel={name}&sku={sku}")
    page.get_by_text(MAY_SELL).first.wait_for()
    if with_buffers:
        (rule_id,) = save(engine, [Change(RuleDraft("channel_sku", channel_id, sku, amount=0.0, reason="benchmark"))], COMMAND_LINE)
        time.sleep(3)
    chance, times = random.Random(1), []
    for number in range(sales):
        time.sleep(chance.uniform(0.2, 2.0))
        before, at = shown(page), now_us()
        if with_buffers:
            more = 1 if amount < 10 else -1
            amount += more
            draft = RuleDraft("channel_sku", channel_id, sku, amount=float(amount), reason="benchmark")
            save(engine, [Change(draft, rule_id, number + 1)], COMMAND_LINE)
            times.append(_until_shown(page, before - more))
            continue
        sale = ev.Sale(
            source="bench-screen",
            event_id=f"s{number}",
            occurred_at=at,
            received_at=at,
            channel_id=channel_id,
            order_ref=f"screen-{number}",
            currency=currency,
            lines=(ev.SaleLine(line_ref="1", external_sku=external_sku, quantity=1),),
        )
        ingest(engine, [sale])
        times.append(_until_shown(page, before - 1))
    stop.set()
    return times


def _until_shown(page: Page, units: int) -> float:
    committed = time.perf_counter()
    page.get_by_text(re.compile(rf"may sell {units:,} unit")).first.wait_for(timeout=30_000)
    return time.perf_counter() - committed


def background(url: str, rate: float, stop: threading.Event) -> None:
    engine = open_engine(url)
    for text in made_events(engine, 100_000, 3, "background"):
        if stop.wait(1 / rate):
            break
        ingest(engine, [parse(text)])
    engine.dispose()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", default="small")
    options.add_argument("--sales", type=int, default=60)
    options.add_argument("--background", type=float, default=0.0)
    options.add_argument("--buffers", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/bench.db"
        build_demo(url, given.size, 1, datetime.now(UTC).date(), Path(name) / "truth")
        engine, stop = open_engine(url), threading.Event()
        if given.background:
            threading.Thread(target=background, args=(url, given.background, stop), daemon=True).start()
        with serving(url, Path(name)) as address, sync_playwright() as playwright:
            browser = launch(playwright)
            if browser is None:
                raise SystemExit("no Chromium was found")
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/")
            times = sorted(measured(page, engine, given.sales, stop, given.buffers))
            browser.close()
        engine.dispose()
    result = {
        "size": given.size,
        "what": "buffers" if given.buffers else "sales",
        "count": len(times),
        "background_events_per_second": given.background,
        "p50_seconds": statistics.median(times),
        "p95_seconds": times[int(len(times) * 0.95)],
        "longest_seconds": times[-1],
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
