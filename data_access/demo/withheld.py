"""What the demo company withholds from its channels, and who may change it."""

import json
from collections.abc import Mapping
from typing import Final

import polars as pl

from data_access.commands.buffers import FIELDS
from data_access.demo.rows import RowNumbers
from data_access.demo.specs import DAY_US
from data_access.domain.buffer_rules import RuleDraft
from data_access.schema.users import ROLES

DRAFTS: Final = (
    RuleDraft("channel", channel_id="ebay", amount=2.0, reason="Its orders come in up to 90 minutes late"),
    RuleDraft(
        "channel_category", channel_id="amazon", category="Clothing", basis="percent", amount=10.0, reason="Many returns, few as new"
    ),
    RuleDraft("category", category="Lighting", amount=1.0, reason="One in thirty breaks while it is picked"),
    RuleDraft("channel_category", channel_id="shop", category="Toys", basis="days", amount=1.0, reason="Christmas orders come in bursts"),
)
RESERVED_UNITS: Final = 20
RESERVED_DAYS: Final = 30


def rule_table(numbers: RowNumbers) -> pl.DataFrame:
    """Rows of `buffer_rule`."""
    rows = [{**draft.values(), "scope": draft.scope, "version": 1} for draft in DRAFTS]
    return pl.DataFrame(rows, schema_overrides={"sku": pl.String, "location_id": pl.String, "ends_at": pl.Int64}).with_columns(
        id=pl.Series(numbers.take(len(rows)))
    )


def reservation_tables(tables: Mapping[str, pl.DataFrame], end_us: int, numbers: RowNumbers) -> dict[str, pl.DataFrame]:
    """Rows of `channel_reservation` and `reservation_channel`: some units for a live stream, and the newest SKU for the own shop alone.

    `tables`: products, listings, levels and which locations serve which channel; `end_us`: the end of the as-of date.
    """
    many = _shared(tables, "tiktok").sort("units", "sku", descending=[True, False])["sku"][0]
    others = _shared(tables, "shop").filter(pl.col("sku") != many)
    newest = others.sort("launched_on", "units", "sku", descending=[True, True, False], nulls_last=True)["sku"][0]
    rows = pl.DataFrame(
        {
            "id": numbers.take(2),
            "sku": [many, newest],
            "units": [RESERVED_UNITS, None],
            "reason": ["Shown in the live stream every Thursday", "Sold in our own shop alone at first"],
            "ends_at": [None, end_us + RESERVED_DAYS * DAY_US],
            "version": 1,
        }
    )
    return {
        "channel_reservation": rows,
        "reservation_channel": rows.select(reservation_id="id", channel_id=pl.Series(["tiktok", "shop"])),
    }


def _shared(tables: Mapping[str, pl.DataFrame], channel_id: str) -> pl.DataFrame:
    """Stocked SKUs that are still sold, on a channel and on others, with the units that lie where both are served."""
    serving, listed = tables["channel_location"], tables["listing"].select("channel_id", "sku").unique()
    own = listed.filter(pl.col("channel_id") == channel_id).select("sku")
    reach = listed.filter(pl.col("channel_id") != channel_id).join(serving, on="channel_id").select("sku", "location_id").unique()
    places = serving.filter(pl.col("channel_id") == channel_id).select("location_id")
    units = pl.col("on_hand") - pl.col("unsellable") - pl.col("allocated")
    lying = tables["stock_level"].join(places, on="location_id").join(reach, on=["sku", "location_id"]).join(own, on="sku")
    totals = lying.group_by("sku").agg(units=units.sum()).filter(pl.col("units") > 0)
    return totals.join(tables["product"].filter(pl.col("ended_on").is_null()).select("sku", "launched_on"), on="sku")


def audit_table(rules: pl.DataFrame, until: int, numbers: RowNumbers) -> pl.DataFrame:
    """Rows of `audit_entry`: who added the rules, at the end of the history, in which none of them was in force yet."""
    values = rules.select(FIELDS).to_dicts()
    return pl.DataFrame(
        {
            "id": numbers.take(rules.height),
            "at": until,
            "actor": "Demo ops",
            "action": "add_rule",
            "entity": "buffer_rule",
            "entity_id": rules["id"].cast(pl.String),
            "after": [json.dumps(one, ensure_ascii=False, sort_keys=True) for one in values],
            "why": rules["reason"],
        }
    )


def user_table(until: int) -> pl.DataFrame:
    """Rows of `app_user`: one person of each role."""
    return pl.DataFrame({"name": [f"Demo {role}" for role in ROLES], "role": list(ROLES), "created_at": until, "version": 1})
