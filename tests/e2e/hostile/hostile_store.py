"""A store in which every text that people or channels wrote is meant to be read as something else than text."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.buffers import Change
from data_access.commands.buffers import save as save_rules
from data_access.commands.listings import MaximumChange, set_maximum
from data_access.commands.people import COMMAND_LINE, add_user
from data_access.commands.reservations import save as save_reservation
from data_access.commands.scorecards import FigureDraft, record_figure
from data_access.domain.buffer_rules import RuleDraft
from data_access.domain.reservation_rules import ReservationDraft
from data_access.engine import now_us, open_engine, writing
from data_access.events.ingest import ingest
from data_access.events.models import Cancellation
from data_access.forecasts.files import RunFolder
from data_access.queries import buffers as queries
from data_access.schema.base import metadata
from data_access.schema.channels import channel
from data_access.schema.demand import forecast_run, promotion
from tests.dashboard import made_forecast
from tests.e2e import scene

MARK: Final = "⟦"
TEXT: Final = (
    f"- # {MARK}**b** __u__ [l](http://evil.test/l) ![i](http://evil.test/i.png) `c` $x^2$ :red[r]{{x}} :material/home: :material_home: "
    ":streamlit: :tada: :100: :+1: ~~s~~ <b>b</b> <img src=http://evil.test/t.png onerror=hit=1> <script>hit=1</script> &lt;i&gt; %{x} "
    "http://evil.test/u www.evil.test a@evil.test a -> b -- c [^1]: |t|⟧"
)
"""What is written into every text, in one piece from its mark to its end."""

CODES: Final = {
    "app_user": {"role"},
    "audit_entry": {"actor", "action", "entity", "entity_id", "before", "after", "why"},
    "buffer_rule": {"scope", "level", "basis"},
    "cancellation": {"cancelled_by"},
    "change_log": {"topic", "entity", "entity_id"},
    "channel": {"kind", "marketplace", "currency", "time_zone", "country"},
    "channel_price": {"valid_from_on"},
    "event": {"kind", "payload_hash", "status"},
    "forecast_run": {"state", "last_on", "inputs_version"},
    "id_block": {"name"},
    "import_run": {"kind", "file_hash", "mapping_hash", "status", "counts", "recipe"},
    "inbox_item": {"kind", "status", "reason_code", "row_facts"},
    "location": {"kind", "country", "time_zone"},
    "metric_setting": {"metric_id", "target"},
    "order_charge": {"currency"},
    "product": {"currency", "launched_on", "ended_on"},
    "promotion": {"starts_on", "ends_on"},
    "recorded_figure": {"metric_id", "day", "value"},
    "return_line": {"disposition", "currency"},
    "sales_order": {"currency", "destination_country"},
    "stock_count": {"state", "tie"},
    "stock_movement": {"state", "kind"},
    "store_meta": {"key", "value"},
    "store_version": {"topic"},
    "supplier": {"currency"},
}
"""Texts by table that only the app writes: codes, days, JSON of what is elsewhere (the audit's are written by the commands below)."""


def hostile(text: str) -> str:
    """The same name, meant to be read as something else."""
    return f"{TEXT} {text}"


OLGA: Final = hostile("Olga")
"""A person who may do everything."""


def free_texts() -> Iterator[tuple[str, str]]:
    """Table and column of every text that is not a code."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, sa.String) and column.name not in CODES.get(table.name, set()):
                yield table.name, column.name


def build(path: Path) -> Engine:
    """Fill the empty store in the file, and put a forecast beside it, where the app looks for it."""
    engine = open_engine(f"sqlite:///{path}")
    scene.build(engine)
    _wait(engine)
    add_user(engine, "Olga", "admin", COMMAND_LINE)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("hostile", 1, hostile, deterministic=True)
        for table, column in free_texts():
            connection.execute(f'UPDATE "{table}" SET "{column}" = hostile("{column}") WHERE "{column}" IS NOT NULL')
        connection.commit()
    with writing(engine) as connection:
        connection.execute(sa.update(channel).where(channel.c.channel_id == hostile("amazon")).values(marketplace="amazon"))
    _decide(engine)
    _forecast(engine, path.parent / "var" / "forecasts")
    return engine


def _wait(engine: Engine) -> None:
    """An event that waits for its order."""
    when = datetime.now(UTC)
    waits = Cancellation(source="scene", event_id="waits", channel_id="web", order_ref="O-unknown", occurred_at=when, received_at=when)
    ingest(engine, [waits, scene.first_scan(engine, "web")])


def _decide(engine: Engine) -> None:
    """What people decide and write: rules of every scope, reservations, a maximum, a figure; each with its reason in the audit."""
    amazon, sku, place, category = hostile("amazon"), hostile("DESK-001"), hostile("LDN"), hostile("Desks")
    for number, draft in enumerate(
        (
            RuleDraft("channel", channel_id=hostile("ebay"), amount=2.0),
            RuleDraft("channel_sku", channel_id=amazon, sku=sku, amount=3.0),
            RuleDraft("category", category=category, amount=1.0),
            RuleDraft("location", sku=sku, location_id=place, amount=1.0),
        )
    ):
        save_rules(engine, [Change(replace(draft, reason=hostile(f"{number}")))], OLGA)
    save_reservation(engine, ReservationDraft(sku, 7, False, (hostile("web"),), (place,), hostile("campaign")), OLGA)
    listing = queries.listings(engine).row(0, named=True)
    set_maximum(engine, [MaximumChange(listing["listing_id"], 5, listing["version"])], OLGA, hostile("cap"))
    today = datetime.now(UTC).date()
    figure = FigureDraft(amazon, "amazon-late-shipment-30d", today, "0.03", hostile("page"))
    record_figure(engine, figure, today, OLGA)


def _forecast(engine: Engine, folder: Path) -> None:
    """A finished forecast of hostile names, and one that failed; a promotion that its chart shows."""
    made_forecast.write(folder, 1)
    names = {"market": "amazon", "web": "web", "fruit": "Desks", "baskets": "Chairs", "A": "DESK-001", "KIT": scene.KIT}
    renamed = {before: hostile(after) for before, after in names.items()} | {"North": hostile("North"), "South": hostile("South")}
    for path in RunFolder(folder, 1).path.glob("*.parquet"):
        frame = pl.read_parquet(path)
        texts = [name for name in ("channel_id", "category", "sku", "region", "fallback") if name in frame.columns]
        frame.with_columns(pl.col(texts).replace(renamed)).write_parquet(path)
    starts = made_forecast.START + timedelta(days=9)
    with writing(engine) as connection:
        run = {"asked_by": OLGA, "asked_at": now_us(), "finished_at": now_us(), "horizon": made_forecast.HORIZON, "seed": 1}
        run["last_on"] = str(made_forecast.LAST)
        finished = {"learned_by": 1, "reason": hostile("first"), "series": 3, "fell_back": 1, "inputs_version": "1"}
        connection.execute(sa.insert(forecast_run).values(**run, **finished, id=1, state="finished"))
        connection.execute(sa.insert(forecast_run).values(**run, problem=hostile("disk full"), id=2, state="failed"))
        deal = {"promotion_id": hostile("sale"), "channel_id": hostile("web"), "sku": hostile("DESK-001"), "discount": 0.2}
        connection.execute(sa.insert(promotion).values(**deal, starts_on=str(starts), ends_on=str(starts + timedelta(days=2))))
