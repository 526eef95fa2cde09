"""Returns as the pages and the command line read them: reasons by the rules of today, and what people decided of codes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.returns.reasons import OWN, RESOLVED, UNMAPPED, resolve, taxonomy
from data_access.domain.returns.rules import OWN_RULES, defaults, with_rules
from data_access.domain.scorecards.days import zones
from data_access.mirror.returns import ReturnHistory, read_returns
from data_access.mirror.scan import Mirror
from data_access.queries import scorecards as queries
from data_access.schema.catalog import kit_component, product
from data_access.schema.channels import channel
from data_access.schema.returns import return_code, return_hold, return_rule
from data_access.schema.stock import stock_movement
from data_access.store.frames import MICROS, read

NO_CATEGORY: Final = "(none)"
"""The category of SKUs that have none."""

DECISIONS: Final = pl.Schema(
    {"decision_id": pl.Int64, "channel_id": pl.String, "code_key": pl.String, "means": pl.String, "version": pl.Int64}
)
"""What people decided of a channel's code; `means` is null where they left it to the lists again."""

RULES: Final = pl.Schema(
    {
        "rule_id": pl.Int64,
        "channel_id": pl.String,
        "category": pl.String,
        "window_days": pl.Int64,
        "inspect_days": pl.Int64,
        "condition": pl.String,
        "refund_days": pl.Int64,
        "needs_approval": pl.Boolean,
        "version": pl.Int64,
    }
)
"""Rules for returns that people set."""

HOLDS: Final = pl.Schema({"hold_id": pl.Int64, "sku": pl.String, "why": pl.String, "version": pl.Int64})
"""SKUs whose returned units are not to be put back for sale until the hold is lifted; `why`: what the inspector reads."""

RECEIPTS: Final = pl.Schema({"received_at": MICROS, "location_id": pl.String, "sku": pl.String, "units": pl.Int64})
"""Goods that came in, the newest first. `sku`: of a kit, its component's."""

RECEIPT_DAYS: Final = 60

_MARKETPLACES: Final = pl.Schema({"channel_id": pl.String, "marketplace": pl.String})
_CATEGORIES: Final = pl.Schema({"sku": pl.String, "category": pl.String})


def decisions(bind: Connection | Engine) -> pl.DataFrame:
    """`DECISIONS` of all channels."""
    c = return_code.c
    query = sa.select(c.id, c.channel_id, c.code_key, c.means, c.version)
    return read(bind, query.order_by(c.channel_id, c.code_key), DECISIONS)


def own_rules(bind: Connection | Engine) -> pl.DataFrame:
    """`RULES` that people set, those for all first."""
    c = return_rule.c
    query = sa.select(c.id, *(c[name] for name in RULES.names()[1:]))
    return read(bind, query.order_by(c.channel_id.is_not(None), c.channel_id, c.category.is_not(None), c.category), RULES)


def holds(bind: Connection | Engine) -> pl.DataFrame:
    """`HOLDS`: SKUs that are held at inspection."""
    c = return_hold.c
    return read(bind, sa.select(c.id, c.sku, c.why, c.version).order_by(c.sku), HOLDS)


def marketplaces(bind: Connection | Engine) -> pl.DataFrame:
    """channel_id, marketplace (null: the channel is the company's own)."""
    return read(bind, sa.select(channel.c.channel_id, channel.c.marketplace).order_by(channel.c.position), _MARKETPLACES)


def categories(bind: Connection | Engine) -> pl.DataFrame:
    """sku, category of all products; those without one are `NO_CATEGORY`."""
    return read(bind, sa.select(product.c.sku, sa.func.coalesce(product.c.category, NO_CATEGORY)), _CATEGORIES)


def receipts_before(bind: Connection | Engine, sku: str, week: date) -> pl.DataFrame:
    """`RECEIPTS` of a SKU, or of a kit's components, of the `RECEIPT_DAYS` days (UTC) that end with the week of a Monday.

    What was shipped from that week on is likely of them.
    """
    m, k = stock_movement.c, kit_component.c
    end = datetime.combine(week, time(), UTC) + timedelta(weeks=1)
    first, last = (int(at.timestamp()) * 1_000_000 for at in (end - timedelta(days=RECEIPT_DAYS), end))
    parts = sa.select(k.component_sku).where(k.kit_sku == sku)
    query = sa.select(m.occurred_at, m.location_id, m.sku, m.quantity).where(
        sa.or_(m.sku == sku, m.sku.in_(parts)), m.kind == "receipt", m.occurred_at >= first, m.occurred_at < last
    )
    return read(bind, query.order_by(m.occurred_at.desc(), m.location_id, m.sku, m.id), RECEIPTS)


@dataclass(frozen=True, slots=True)
class ReturnFilter:
    """Which returns: of these channels, categories and SKUs (none: all), shipped from the week of `since` to that of `until`. Returns whose
    shipment is not known count by the week in which they came in.
    """

    channel_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def chosen(self, week: pl.Expr) -> pl.Expr:
        """Whether a row is of them, by its week."""
        holds = [self.only_lists()]
        if self.since is not None:
            holds.append(week >= pl.lit(self.since).dt.truncate("1w"))
        if self.until is not None:
            holds.append(week <= pl.lit(self.until).dt.truncate("1w"))
        return pl.all_horizontal(*holds)

    def only_lists(self) -> pl.Expr:
        """Whether a row is of them, whenever it was shipped."""
        lists = (("channel_id", self.channel_ids), ("category", self.categories), ("sku", self.skus))
        return pl.all_horizontal(pl.lit(value=True), *(pl.col(name).is_in(values) for name, values in lists if values))


@dataclass(frozen=True, slots=True)
class ReturnPicture:
    """Returns by the rules of a moment. `shipped`: `units.SHIPPED` and category; `returned`: `RETURNS_SHIPPED` with category, reason,
    detail, party, rule, code_key, inspect_days and refund_days. Both without the `silent` channels, which shipped and never sent a return:
    no data is not zero.
    """

    history: ReturnHistory
    shipped: pl.DataFrame
    returned: pl.DataFrame
    silent: tuple[str, ...]

    def only(self, chosen: ReturnFilter) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What was shipped and what came back of a selection."""
        came_in = pl.coalesce("ship_week", pl.col("received_on").dt.truncate("1w"))
        return self.shipped.filter(chosen.chosen(pl.col("ship_week"))), self.returned.filter(chosen.chosen(came_in))

    def unmapped(self) -> pl.DataFrame:
        """channel_id, code_key, reason_code, units, returns: codes that no rule knows, those of most units first."""
        return (
            self.returned.filter(pl.col("reason") == UNMAPPED)
            .group_by("channel_id", "code_key")
            .agg(pl.coalesce("reason_code", "return_reason").min().alias("reason_code"), pl.col("units").sum(), returns=pl.len())
            .sort(["units", "channel_id", "code_key"], descending=[True, False, False])
        )


def picture(bind: Connection | Engine, mirror: Mirror, before: ReturnPicture | None = None) -> ReturnPicture:
    """The returns of a mirror's state by the rules of now. `before`: of an earlier state, of which unchanged months are not read again."""
    history = read_returns(mirror, zones(queries.zones(bind)), None if before is None else before.history)
    of_skus, of_channels = categories(bind), marketplaces(bind)
    rows = history.returned.join(of_channels, on="channel_id", how="left", maintain_order="left")
    given = rows.select("channel_id", "marketplace", "reason_code", "return_reason", "customer_note")
    resolved = resolve(given, decisions(bind).select(OWN.names()).drop_nulls("means"), taxonomy())
    returned = _with_category(rows, of_skus).hstack(resolved.select(*RESOLVED.names(), "code_key"))
    rules = with_rules(returned, own_rules(bind).select(OWN_RULES.names()), defaults())
    returned = rules.select(*returned.drop("marketplace").columns, "inspect_days", "refund_days")
    shipped = _with_category(history.shipped, of_skus)
    sends = pl.col("channel_id").is_in(returned["channel_id"].unique().implode())
    silent = shipped.filter(~sends)["channel_id"].unique().sort()
    return ReturnPicture(history, shipped.filter(sends), returned, tuple(silent))


def _with_category(rows: pl.DataFrame, of_skus: pl.DataFrame) -> pl.DataFrame:
    return rows.join(of_skus, on="sku", how="left", maintain_order="left").with_columns(pl.col("category").fill_null(NO_CATEGORY))
