"""One change of buffers for many SKUs at once: what each SKU's own rule on a channel would become. Pure frames.

Every SKU gets a rule of its own on the channel, or has the one it has changed. Units are added to what withholds of it now, by whatever
rule; where that is in percent or in days, nothing can be added, and the SKU is left as it is.
"""

from typing import Final, Literal

import polars as pl

from data_access.domain.buffers import RULES, winning

Operation = Literal["set", "add", "take"]
PLAN: Final = pl.Schema(
    {
        "sku": pl.String,
        "channel_id": pl.String,
        "rule_id": pl.Int64,  # of the SKU's own rule on the channel, ended or not; null: it has none
        "version": pl.Int64,
        "basis_now": pl.String,  # of the rule that wins now; null: nothing is withheld
        "amount_now": pl.Float64,
        "basis": pl.String,
        "amount": pl.Float64,
        "outcome": pl.String,  # new, change, same, or left
        "note": pl.String,  # why it is left; null unless it is
    }
)


def planned(
    pairs: pl.DataFrame, all_rules: pl.DataFrame, counting: pl.DataFrame, operation: Operation, basis: str, amount: float
) -> pl.DataFrame:
    """`PLAN` for each of `pairs` (sku, channel_id, category), by SKU.

    Args:
        pairs: what is to be changed.
        all_rules: `buffers.RULES`, ended ones too.
        counting: those of them that count now.
        operation: set to the amount, or add it to, or take it from, what is withheld now; never below 0.
        basis: of the amount; units, unless it is set.
        amount: how much.

    """
    won = winning(pairs, counting).select("sku", "channel_id", basis_now="basis", amount_now="amount")
    own = all_rules.filter(pl.col("level") == "channel_sku").select("sku", "channel_id", "rule_id", "version")
    key = ["sku", "channel_id"]
    rules_now = pairs.select(key).join(won, on=key, how="left").join(own, on=key, how="left")
    now = pl.col("amount_now").fill_null(0.0)
    is_left = pl.lit(operation != "set") & pl.col("basis_now").fill_null("units").is_in(["percent", "days"])
    new = {"set": pl.lit(amount), "add": now + amount, "take": (now - amount).clip(lower_bound=0)}[operation]
    is_same = (pl.col("basis_now").fill_null("units") == basis) & (now == new)
    return (
        rules_now.with_columns(basis=pl.lit(basis), amount=new.cast(pl.Float64))
        .with_columns(
            outcome=pl.when(is_left)
            .then(pl.lit("left"))
            .when(is_same)
            .then(pl.lit("same"))
            .when(pl.col("rule_id").is_null())
            .then(pl.lit("new"))
            .otherwise(pl.lit("change")),
            note=pl.when(is_left).then(
                pl.format("It is in {} now: set it instead.", pl.col("basis_now").replace({"days": "days of demand"}))
            ),
        )
        .select(PLAN.names())
        .cast(PLAN)
        .sort("sku", "channel_id")
    )


def with_plan(all_rules: pl.DataFrame, plan: pl.DataFrame, reason: str, ends_at: int | None, first_id: int) -> pl.DataFrame:
    """`buffers.RULES` as they would be after the plan; rules that are new get ids from `first_id`."""
    changing = plan.filter(pl.col("outcome").is_in(["new", "change"]))
    ids = pl.coalesce("rule_id", first_id + pl.int_range(pl.len()))
    rows = changing.with_columns(
        rule_id=ids,
        level=pl.lit("channel_sku"),
        category=pl.lit(None, pl.String),
        location_id=pl.lit(None, pl.String),
        reason=pl.lit(reason),
        ends_at=pl.lit(ends_at, pl.Int64),
        version=pl.lit(0, pl.Int64),
    ).select(RULES.names())
    kept = all_rules.select(RULES.names()).join(changing.select("rule_id").drop_nulls(), on="rule_id", how="anti")
    return pl.concat([kept, rows.cast(RULES)])
