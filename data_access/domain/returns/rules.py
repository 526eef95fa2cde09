"""Rules for returns by channel and category: window, approval, days to inspection and refund, condition. Frames in, frames out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

import polars as pl

from data_access.domain.scorecards.days import local_days
from data_access.errors import InvalidInput

COMMON: Final = "*"
MOST_DAYS: Final = 3_650
MOST_CONDITION: Final = 200
RULE: Final = pl.Schema(
    {"window_days": pl.Int64, "inspect_days": pl.Int64, "condition": pl.String, "refund_days": pl.Int64, "needs_approval": pl.Boolean}
)
"""`window_days`: days after delivery in which a customer may ask to return something; null: no end. `inspect_days`: within which it is to
be inspected once it is received. `condition`: in which it may be sold again. `refund_days`: of the request, within which it is to be
refunded, once it is received. `needs_approval`: a person is to approve the request."""

OWN_RULES: Final = pl.Schema([("channel_id", pl.String), ("category", pl.String), *RULE.items()])
"""What people set; null channel or category: all that no closer rule is for."""

_KIND: Final = ("channel_id", "category", "marketplace")
_KEYS: Final = {"marketplace", *RULE, "source", "as_of", "grade"}


@dataclass(frozen=True, slots=True)
class DefaultRule:
    """A rule that comes with OnHand. `marketplace`: whose channels it is for, or `COMMON`; `source`, `as_of`, `grade`: where it is from."""

    marketplace: str
    window_days: int
    inspect_days: int
    condition: str
    refund_days: int
    needs_approval: bool
    source: str
    as_of: date
    grade: str


@cache
def defaults() -> tuple[DefaultRule, ...]:
    """The rules that come with OnHand."""
    return load(resources.files("data_access.domain.returns").joinpath("rules.toml").read_text("utf-8"))


def load(text: str) -> tuple[DefaultRule, ...]:
    """Rules from a text of TOML.

    Raises:
        InvalidInput: it is not TOML, or something in it cannot be; the sentence says where.

    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The list of return rules is not readable TOML: {error}.") from error
    rules = []
    for row in raw.get("rule", []):
        where = f"The return rule of {row.get('marketplace')!r}"
        if wrong := _KEYS ^ set(row):
            raise InvalidInput(f"{where} lacks {sorted(wrong)[0]!r}, or it is not known: give {', '.join(sorted(_KEYS))}.")
        if refused := problems(row["window_days"], row["inspect_days"], row["condition"], row["refund_days"]):
            raise InvalidInput(f"{where}: {next(iter(refused.values()))}")
        rules.append(DefaultRule(**row))
    if COMMON not in {rule.marketplace for rule in rules}:
        raise InvalidInput(f"The list of return rules lacks one for {COMMON!r}: add it.")
    return tuple(rules)


def problems(window_days: int | None, inspect_days: int | None, condition: str, refund_days: int | None) -> dict[str, str]:
    """What is wrong with a rule, by field."""
    wrong = {}
    if window_days is not None and not 0 <= window_days <= MOST_DAYS:
        wrong["window_days"] = f"A return window has between 0 and {MOST_DAYS} days; leave it empty for no end."
    if inspect_days is None or not 0 <= inspect_days <= MOST_DAYS:
        wrong["inspect_days"] = f"Give days to inspection between 0 and {MOST_DAYS}."
    if refund_days is None or not 0 <= refund_days <= MOST_DAYS:
        wrong["refund_days"] = f"Give days to the refund between 0 and {MOST_DAYS}."
    if len(condition) > MOST_CONDITION:
        wrong["condition"] = f"Describe the condition in at most {MOST_CONDITION} characters."
    return wrong


def with_rules(rows: pl.DataFrame, own: pl.DataFrame, by: tuple[DefaultRule, ...]) -> pl.DataFrame:
    """Rows with `RULE` of their channel_id, category and marketplace: the closest of `OWN_RULES`, else of what comes with OnHand.

    A rule for a channel and a category is closer than one for the channel, that than one for the category, and that than one for all.
    """
    mine = {(row["channel_id"], row["category"]): [row[name] for name in RULE] for row in own.iter_rows(named=True)}
    listed = {one.marketplace: [getattr(one, name) for name in RULE] for one in by}
    kinds = rows.select(*_KIND).unique()  # channels by categories: few
    chosen = []
    for channel_id, category, marketplace in kinds.iter_rows():
        closest = [mine.get(key) for key in ((channel_id, category), (channel_id, None), (None, category), (None, None))]
        chosen.append(next((rule for rule in closest if rule is not None), listed.get(marketplace or COMMON, listed[COMMON])))
    rules = kinds.hstack(pl.DataFrame(chosen, schema=RULE, orient="row"))
    return rows.join(rules, on=_KIND, how="left", nulls_equal=True, maintain_order="left")


def days_outside(rows: pl.DataFrame, zone_of: Mapping[str, str]) -> pl.Series:
    """By how many days each return was asked for after its window had ended; null if it was not, or nothing is known of it.

    `rows`: channel_id, window_days, and the times requested_at, received_at, delivered_at and shipped_at. Days are calendar days where the
    channel is: of the request, or the receipt where no request is known; after delivery, or after shipping where no delivery is known.
    """
    asked, began = pl.coalesce("requested_at", "received_at"), pl.coalesce("delivered_at", "shipped_at")
    times = rows.select(asked=asked, began=began, window="window_days")
    frame = times.with_columns(
        local_days(times["asked"], rows["channel_id"], zone_of).alias("asked"),
        local_days(times["began"], rows["channel_id"], zone_of).alias("began"),
    )
    beyond = (pl.col("asked") - pl.col("began")).dt.total_days() - pl.col("window")
    return frame.select(pl.when(beyond > 0).then(beyond).alias("outside_days")).to_series()
