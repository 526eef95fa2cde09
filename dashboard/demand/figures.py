"""What the Demand page says of a forecast: the node that is meant, its figures and sentences, from frames alone."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from dashboard.demand.charts import LEAST_AVAILABLE, stock_outs
from dashboard.shell import words

MODELS: Final = {
    "pooled": "Learned from all series",
    "blend": "Learned from all, with its own past",
    "smoothing": "Its own past, smoothed",
    "tsb": "Rare sales: how often, how many",
    "average": "Its recent average",
    "seasonal naive": "As a week before",
}
"""`forecasting.engine.MODELS`, in plain words."""

MODEL_HELP: Final = {
    "pooled": "One model that learns from the past of all series together: levels, weekdays, seasons, discounts.",
    "blend": "The mean of a model that learns from all series together and of this one's own smoothed past.",
    "smoothing": "Recent demand counts most; weekdays and seasons have their own levels.",
    "tsb": "For what sells seldom: the chance of a sale on a day, times the units of a sale (Teunter, Syntetos and Babai).",
    "average": "The mean of the last known days: there is too little history for more.",
    "seasonal naive": "Each day as the same weekday of the last week.",
}
FAIR: Final = 0.07
"""How far the share of days inside an interval may be from what it promises, to be called right (assumed)."""

NO_CATEGORY: Final = "(no category)"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at: None for all. A SKU sets the category aside."""

    channel_id: str | None
    category: str | None
    sku: str | None


def find(nodes: pl.DataFrame, choice: Choice) -> int | None:
    """The node (`files.NODES`) of a choice; None if there is none. A SKU that one channel alone sells has the node of that channel."""
    if choice.sku is not None:
        mine = nodes.filter(pl.col("sku") == choice.sku)
        level = "sku" if choice.channel_id is None else "series"
        if choice.channel_id is not None:
            mine = mine.filter(pl.col("channel_id") == choice.channel_id)
        node = mine.filter(pl.col("level") == level)["node"]
        return int(node[0]) if len(node) else int(mine["node"][0]) if mine.height == 1 else None
    keys = [("channel", "channel_id", choice.channel_id), ("category", "category", choice.category)]
    level = " x ".join(name for name, _, value in keys if value is not None) or "total"
    wanted = [pl.col(column) == value for _, column, value in keys if value is not None]
    node = nodes.filter(pl.col("level") == level, *wanted)["node"]
    return int(node[0]) if len(node) else None


def name(choice: Choice, channels: dict[str, str]) -> str:
    """What a choice is called: "TEX-0069 on Amazon", "Toys on all channels", "Everything on all channels"."""
    what = choice.sku or (choice.category if choice.category != "" else NO_CATEGORY) or "Everything"
    where = "all channels" if choice.channel_id is None else channels.get(choice.channel_id, choice.channel_id)
    return f"{what} on {where}"


def missing(nodes: pl.DataFrame, choice: Choice, channels: dict[str, str]) -> str:
    """Why a choice has no node, in a sentence that says what to do."""
    called = name(choice, channels)
    if choice.sku is not None:
        sold = nodes.filter((pl.col("level") == "series") & (pl.col("sku") == choice.sku))["channel_id"].to_list()
        channel_names = ", ".join(channels.get(one, one) for one in sold)
        return f"There is no forecast of {called}: nothing of it was ordered there. It sells on {channel_names}."
    return f"There is no forecast of {called}: nothing of it was ordered there. Choose another channel or category."


# ---- what is expected ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """Units expected in the next `days`, and ordered in as many before; None where the history is shorter. `out`: days of these without

    stock, in which nothing could be ordered.
    """

    days: int
    expected: float
    before: float | None
    out: int


def period(history: pl.DataFrame, ahead: pl.DataFrame, days: int) -> Period:
    """The next days of a forecast against the last days of its history."""
    past = history.tail(days)
    before = float(past["units"].sum()) if past.height == days else None
    out = past.filter(pl.col("available") < LEAST_AVAILABLE).height
    return Period(days, float(ahead["mean"].head(days).cast(pl.Float64).sum()), before, out)


def comparison(one: Period) -> str:
    """A period against the one before, in words."""
    if one.before is None:
        return f"its history is shorter than {words.counted(one.days, 'day')}"
    change = f", {one.expected / one.before - 1:+.0%}" if one.before > 0 else ""
    out = f"; {words.counted(one.out, 'day')} of it without stock" if one.out else ""
    return f"{words.units(round(one.before))} in the last {one.days} days{change}{out}"


def finding(called: str, one: Period) -> str:
    """What a forecast says, as the title of its chart."""
    sentence = f"{called}: {words.amount(one.expected)} units expected in the next {words.counted(one.days, 'day')}"
    return sentence if one.before is None else f"{sentence}, {words.units(round(one.before))} ordered in the last {one.days}"


def described(called: str, history: pl.DataFrame, ahead: pl.DataFrame, promoted: int) -> str:
    """The chart in a sentence, for those who do not see it."""
    out = sum((last - first).days + 1 for first, last in stock_outs(history))
    parts = [f"Demand of {called} by day: the last {words.counted(history.height, 'day')}, and {words.counted(ahead.height, 'day')} ahead"]
    parts += [f"{words.counted(out, 'day')} without stock"] if out else []
    parts += [f"{words.counted(promoted, 'promoted day')}"] if promoted else []
    return "; ".join([f"{parts[0]} as a median with 50, 80 and 95 % intervals", *parts[1:]])


def weeks(ahead: pl.DataFrame) -> pl.DataFrame:
    """`week` (its Monday), `days` ahead that lie in it, `units` expected in them: sums of means."""
    return (
        ahead.group_by(week=pl.col("ds").dt.truncate("1w"), maintain_order=True)
        .agg(days=pl.len().cast(pl.Int64), units=pl.col("mean").cast(pl.Float64).sum().round(2))
        .sort("week")
    )


def by_region(cells: pl.DataFrame, regions: pl.DataFrame) -> pl.DataFrame:
    """`region`, `units`, the most first: `cells` (channel_id, category, units expected) split by `demand.REGIONS`.

    What last year's orders name no region for is a row of its own, without a region.
    """
    split = cells.join(regions, on=["channel_id", "category"], how="inner", maintain_order="left")
    units_by_region = (
        split.group_by("region").agg(units=(pl.col("units") * pl.col("share")).sum()).sort(["units", "region"], descending=[True, False])
    )
    rest = float(cells["units"].sum()) - float(units_by_region["units"].sum())
    unknown = pl.DataFrame({"region": [None], "units": [rest]}, {"region": pl.String, "units": pl.Float64})
    return pl.concat([units_by_region, unknown]) if rest > 1e-6 * max(float(cells["units"].sum()), 1.0) else units_by_region


# ---- how far it was off ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A back-test over all its cutoffs. `bias`: expected over what came, less 1, None if nothing came; `inside`: shares of the days in

    the intervals of 50, 80 and 95 %.
    """

    cutoffs: int
    days: int
    came: float
    expected: float
    bias: float | None
    absolute: float | None
    inside: tuple[float, float, float]


def judged(errors: pl.DataFrame) -> Judged | None:
    """All cutoffs of `Forecast.errors` together; None if there are none."""
    if errors.is_empty():
        return None
    days, came, expected = int(errors["periods"].sum()), float(errors["y"].sum()), float(errors["mean"].sum())
    fifty, eighty, most = (float((errors[name] * errors["periods"]).sum()) / days for name in ("inside_50", "inside_80", "inside_95"))
    bias, absolute = (expected / came - 1, float(errors["absolute_error"].sum()) / came) if came > 0 else (None, None)
    return Judged(errors["cutoff"].n_unique(), days, came, expected, bias, absolute, (fifty, eighty, most))


def bias_in_words(judged: Judged) -> str:
    """Whether forecasts of the past were too high or too low."""
    if judged.bias is None:
        return f"nothing was ordered, {words.amount(judged.expected)} units were forecast"
    if abs(judged.bias) < 0.005:
        return "right in total"
    return f"{abs(judged.bias):.0%} too {'much' if judged.bias > 0 else 'little'}"


def back_test_in_words(judged: Judged) -> str:
    """What a back-test means for whoever relies on the forecast."""
    inside = judged.inside[1]
    if inside < 0.8 - FAIR:
        trust = "fewer than it promises, so plan for more than the bands show"
    elif inside > 0.8 + FAIR:
        seldom = judged.came < judged.days
        trust = "more than it promises" + (
            ", as is usual for what sells less than a unit a day" if seldom else ", so the bands are wider than needed"
        )
    else:
        trust = "as it promises"
    times = words.counted(judged.cutoffs, "back-test")
    return (
        f"Over {times}, each from what was known then, the forecast was {words.amount(judged.expected)} units and actual demand "
        f"{words.amount(judged.came)} ({bias_in_words(judged)}). The 80 % interval held {inside:.0%} of the days, {trust}."
    )


def back_test(errors: pl.DataFrame) -> pl.DataFrame:
    """`Forecast.errors` as people read them: one row per cutoff, in units and percent."""
    of_units = pl.when(pl.col("y") > 0)
    return errors.select(
        "cutoff",
        days="periods",
        came=pl.col("y").round(1),
        expected=pl.col("mean").round(1),
        bias=of_units.then((pl.col("mean") / pl.col("y") - 1) * 100).round(1),
        absolute=of_units.then(pl.col("absolute_error") / pl.col("y") * 100).round(1),
        **{column: (pl.col(column) * 100).round(1) for column in ("inside_50", "inside_80", "inside_95")},
    )


def known_since(last: date, today: date) -> str:
    """How long ago the history ends: "yesterday", "5 days ago"."""
    days = (today - last).days
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
