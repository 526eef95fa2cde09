"""Promotions: channels sum up, what is known is recovered, and odd panels are taken."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.demo.demand import promotion_effects, rates, units_per_line
from data_access.demo.founding import make_company
from data_access.demo.specs import CATEGORIES, CHANNELS
from forecasting import drivers
from forecasting.baseline import baseline
from forecasting.models.smoothing import weekday_shares
from forecasting.panel import Panel
from forecasting.promotions import EFFECTS, Promotions, effects, law, learn, multipliers

START = date(2025, 1, 6)
PULL = np.array([[0.0, 6.0, 0.5], [3.0, 0.0, 1.0], [1.0, 4.0, 0.0]])
GAIN = np.array([2.0, 1.2, 3.0])


def panel_of(y: np.ndarray, discount: np.ndarray, first: np.ndarray | None = None) -> Panel:
    """From SKU x channel x day; all of one category. `discount` may have days ahead."""
    skus, channels, days = y.shape
    sku, channel = np.repeat(np.arange(skus), channels), np.tile(np.arange(channels), skus)
    return Panel(
        ids=pl.Series([f"{one} on {other}" for one, other in zip(sku, channel, strict=True)]),
        start=START,
        step=1,
        y=y.reshape(-1, days).astype(np.float32),
        first=np.zeros(len(sku), np.int32) if first is None else first.ravel().astype(np.int32),
        ahead=discount.shape[2] - days,
        known={"discount": discount.reshape(len(sku), -1).astype(np.float32)},
        statics={"sku": sku.astype(np.int32), "channel": channel.astype(np.int32), "category": np.zeros(len(sku), np.int32)},
        labels={"sku": [f"K{one}" for one in range(skus)], "channel": [f"c{one}" for one in range(channels)], "category": ["all"]},
    )


def base_of(panel: Panel, until: int | None = None) -> np.ndarray:
    """The base of a panel of `panel_of`, whose SKUs and channels are in order: SKU x channel x day."""
    sku = panel.statics["sku"].astype(np.int64)
    channels = len(panel.labels["channel"])
    on = (panel.known["discount"] > 0).reshape(-1, channels, panel.periods + panel.ahead).any(axis=1)
    base = baseline(panel, sku, weekday_shares(panel), on[sku], panel.periods if until is None else until)
    return base.expected.reshape(-1, channels, panel.periods + panel.ahead)


def planned(chance: np.random.Generator, skus: int, channels: int, days: int, share: float = 0.3) -> np.ndarray:
    """Discounts by SKU, channel and day: in every twenty days, at most one promotion of five days a SKU."""
    discount = np.zeros((skus, channels, days))
    for start in range(10, days - 10, 20):
        sku = np.flatnonzero(chance.random(skus) < share)
        channel = chance.integers(0, channels, len(sku))
        discount[sku, channel, start : start + 5] = chance.choice([0.1, 0.2, 0.3], len(sku))[:, None]
    return discount


def drawn(seed: int, skus: int = 80, days: int = 420) -> tuple[Panel, np.ndarray]:
    """A panel drawn from the law with `PULL` and `GAIN`, and the true base: SKU x channel."""
    chance = np.random.default_rng(seed)
    base = chance.gamma(3.0, 1.0, (skus, 3))
    discount = planned(chance, skus, 3, days)
    shares, arrivals = law(np.ones((3, skus * days), bool), by_case(discount), PULL[..., None], GAIN[:, None])
    before = np.repeat(base.T, days, axis=1)
    after = before * (1.0 + arrivals - shares.sum(axis=1)) + (before[:, None] * shares).sum(axis=0)
    mean = after.reshape(3, skus, days).transpose(1, 0, 2)
    mood = chance.gamma(10.0, 0.1, (skus, 1, days))
    return panel_of(chance.poisson(mean * mood), discount), base


def by_case(values: np.ndarray) -> np.ndarray:
    return values.transpose(1, 0, 2).reshape(values.shape[1], -1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    skus=st.integers(1, 4),
    channels=st.integers(1, 4),
    days=st.integers(5, 60),
    ahead=st.integers(0, 10),
    often=st.floats(0.0, 0.5),
    missing=st.floats(0.0, 0.6),
)
def test_channels_sum_to_the_base_and_the_arrivals(
    seed: int, skus: int, channels: int, days: int, ahead: int, often: float, missing: float
) -> None:
    chance = np.random.default_rng(seed)
    y = chance.poisson(chance.gamma(1.0, 3.0, (skus, channels, 1)), (skus, channels, days)).astype(float)
    first = chance.integers(0, days, (skus, channels)) * (chance.random((skus, channels)) < 0.3)
    y[(chance.random(y.shape) < missing) | (np.arange(days) < first[..., None])] = np.nan
    shape = (skus, channels, days + ahead)
    discount = np.where(chance.random(shape) < often, chance.choice([0.1, 0.25, 0.4], shape), 0.0)
    panel = panel_of(y, discount, first)
    learned = Promotions(chance.gamma(1.0, 5.0, (channels, channels, 1)), chance.gamma(1.0, 2.0, (channels, 1)))
    factors = multipliers(panel, learned).reshape(shape)
    base = base_of(panel)
    # discounts are kept in 32 bits: reckon with those
    kept = panel.known["discount"].astype(float).reshape(shape)
    arrivals = base * (np.exp(learned.gain[None] * kept) - 1.0)
    np.testing.assert_allclose((base * factors).sum(axis=1), (base + arrivals).sum(axis=1), rtol=1e-5)
    assert (factors > 0).all()
    quiet = ~(discount > 0).any(axis=1, keepdims=True)
    assert (factors[np.broadcast_to(quiet, shape)] == 1.0).all()
    elsewhere = np.broadcast_to(~quiet, shape) & (discount == 0)
    assert (factors[elsewhere] <= 1.0).all()
    table = effects(panel, learned)
    assert table.schema == EFFECTS
    assert table["units"].sum() == pytest.approx(arrivals.sum(), rel=1e-6, abs=1e-9)
    own = pl.col("channel") == pl.col("promoted_channel")
    assert table.filter(own)["units"].min() is None or table.filter(own)["units"].min() >= 0
    assert table.filter(~own)["units"].max() is None or table.filter(~own)["units"].max() <= 0


def test_who_leaves_goes_to_what_is_discounted_deeper() -> None:
    there = np.array([[True, True], [True, True], [True, False]])
    discount = np.array([[0.1, 0.0], [0.3, 0.2], [0.3, 0.4]])
    shares, arrivals = law(there, discount, PULL[..., None], GAIN[:, None])
    # of the first channel: weights 1 to stay, 6 * 0.2 and 0.5 * 0.2 to go
    assert shares[0, :, 0] == pytest.approx([0.0, 1.2 / 2.3, 0.1 / 2.3])
    assert (shares[1:, :, 0] == 0).all()
    assert shares[0, :, 1] == pytest.approx([0.0, 1.2 / 2.2, 0.0])
    assert arrivals[:, 0] == pytest.approx(np.exp([0.2, 0.36, 0.9]) - 1.0)


def test_known_effects_are_recovered() -> None:
    panel, base = drawn(1)
    learned = learn(panel)
    assert learned is not None
    strong = PULL >= 3.0
    np.testing.assert_allclose(learned.pull[..., 0][strong], PULL[strong], rtol=0.25)
    np.testing.assert_allclose(learned.gain[:, 0], GAIN, rtol=0.1)
    estimates = effects(panel, learned)
    true = effects(panel, Promotions(PULL[..., None], GAIN[:, None]))
    both = estimates.with_columns(true=true["units"], true_base=pl.Series(base.ravel())[index(panel, estimates)])
    days = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days() + 1
    pooled = both.group_by("promoted_channel", "channel").agg(
        pl.col("units", "true", "base").sum(), (pl.col("true_base") * days).sum(), pl.len()
    )
    assert pooled.height == 9
    assert pooled["len"].min() > 100
    for estimated, expected in (("base", "true_base"), ("units", "true")):
        off = (pooled[estimated] / pooled[expected] - 1).abs()
        assert off.median() < 0.05
        assert off.max() < 0.35  # a pull of 0.5 moves little, which is hard to see


def index(panel: Panel, rows: pl.DataFrame) -> np.ndarray:
    """Rows of the panel that a frame of effects is about."""
    sku = rows["sku"].str.slice(1).cast(pl.Int64).to_numpy()
    return sku * len(panel.labels["channel"]) + rows["channel"].str.slice(1).cast(pl.Int64).to_numpy()


def test_without_promotions_or_what_tells_of_them_nothing_is_learned() -> None:
    panel, _ = drawn(2, skus=10, days=200)
    assert learn(panel) is not None
    assert learn(replace(panel, known={})) is None
    assert learn(replace(panel, known={"discount": np.zeros_like(panel.known["discount"])})) is None
    assert learn(replace(panel, step=7)) is None
    for name in ("sku", "channel", "category"):
        assert learn(replace(panel, statics={key: codes for key, codes in panel.statics.items() if key != name})) is None
    assert learn(replace(panel, statics={**panel.statics, "channel": np.zeros(30, np.int32)})) is None
    assert learn(replace(panel, y=np.full_like(panel.y, np.nan))) is None
    assert learn(panel, 12) is None  # one round of promotions has begun


def test_the_same_panel_teaches_the_same() -> None:
    panel, _ = drawn(3, skus=20, days=200)
    first, second = learn(panel), learn(panel)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.pull, second.pull)
    np.testing.assert_array_equal(first.gain, second.gain)
    assert effects(panel, first).equals(effects(panel, second))


def test_what_comes_later_is_not_looked_at() -> None:
    panel, _ = drawn(4, skus=20, days=300)
    later = panel.y.copy()
    later[:, 250:] = 77.0
    factors = []
    for one in (panel, replace(panel, y=later)):
        learned = learn(one, 250)
        assert learned is not None
        factors.append(multipliers(one, learned, 250))
    np.testing.assert_array_equal(factors[0], factors[1])


def test_unknown_days_are_left_out() -> None:
    panel, _ = drawn(5)
    whole = learn(panel)
    assert whole is not None
    chance = np.random.default_rng(5)
    y = np.where(chance.random(panel.y.shape) < 0.3, np.nan, panel.y)
    y[0] = np.nan
    y[40, 100:200] = np.nan
    unclear = np.where(chance.random(panel.known["discount"].shape) < 0.02, np.nan, panel.known["discount"])
    holes = replace(panel, y=y.astype(np.float32), known={"discount": unclear.astype(np.float32)})
    learned = learn(holes)
    assert learned is not None
    assert np.isfinite(multipliers(holes, learned)).all()
    assert np.isfinite(effects(holes, learned)["units"].to_numpy()).all()
    # what they make of the same promotions
    lifts = [effects(panel, one).filter(pl.col("channel") == pl.col("promoted_channel"))["units"].sum() for one in (learned, whole)]
    assert lifts[0] == pytest.approx(lifts[1], rel=0.1)


def test_a_rush_is_not_taken_for_the_work_of_a_promotion() -> None:
    panel, _ = drawn(6)
    calm = learn(panel)
    assert calm is not None
    y = panel.y.copy()
    row, day = np.argwhere(panel.known["discount"] > 0)[::40].T
    y[row, day] += 60.0
    rushed = learn(replace(panel, y=y))
    assert rushed is not None
    lifts = [effects(panel, one).filter(pl.col("channel") == pl.col("promoted_channel"))["units"].sum() for one in (rushed, calm)]
    assert lifts[0] == pytest.approx(lifts[1], rel=0.05)


def test_one_channel_has_nothing_to_divert() -> None:
    chance = np.random.default_rng(7)
    discount = planned(chance, 60, 1, 400)
    panel = panel_of(chance.poisson(4.0 * np.exp(2.5 * discount)), discount)
    learned = learn(panel)
    assert learned is not None
    assert learned.gain == pytest.approx(2.5, rel=0.1)
    np.testing.assert_allclose(multipliers(panel, learned), np.exp(learned.gain[0] * panel.known["discount"]), rtol=1e-5)
    estimates = effects(panel, learned)
    assert estimates["channel"].equals(estimates["promoted_channel"].alias("channel"))


def test_promotions_at_once_share_out_the_customers() -> None:
    y = np.full((1, 3, 100), 10.0)
    discount = np.zeros((1, 3, 110))
    discount[0, 0, 50:55] = 0.2
    discount[0, 1, 52:57] = 0.2
    discount[0, 1, 104:106] = 0.3
    panel = panel_of(y, discount)
    learned = Promotions(PULL[..., None], GAIN[:, None])
    estimates = effects(panel, learned)
    runs = estimates.select("promoted_channel", "starts_on", "ends_on", "discount").unique(maintain_order=True).rows()
    at = [START + timedelta(days=day) for day in (50, 54, 52, 56, 104, 105)]
    assert [(*run[:3], round(run[3], 6)) for run in runs] == [
        ("c0", at[0], at[1], 0.2),
        ("c1", at[2], at[3], 0.2),
        ("c1", at[4], at[5], 0.3),
    ]
    base = base_of(panel)[0]
    units = {row[:3]: row[3] for row in estimates.select("promoted_channel", "channel", "starts_on", "units").iter_rows()}
    assert len(units) == 9
    # the third channel, while one is promoted and while both are: weights 1 to stay, 1 * 0.2 and 4 * 0.2 to go
    alone, both = base[2, 50:52].sum(), base[2, 52:55].sum()
    assert units["c0", "c2", at[0]] == pytest.approx(-(alone * 0.2 / 1.2 + both * 0.2 / 2.0), rel=1e-5)
    # of the first, nobody goes to the second while it is as deep
    assert units["c1", "c0", at[2]] == pytest.approx(-base[0, 55:57].sum() * 1.2 / 2.2, rel=1e-5)
    change = (base * (multipliers(panel, learned) - 1.0)).sum(axis=1)
    by_channel = estimates.group_by("channel").agg(pl.col("units").sum()).sort("channel")["units"].to_numpy()
    np.testing.assert_allclose(by_channel, change, rtol=1e-5)
    # what is planned is expected at the last level
    assert units["c1", "c1", at[4]] == pytest.approx(10.0 * 2 * (np.expm1(0.36) + 1.8 / 2.8 + 1.2 / 2.2), rel=0.01)


def test_a_shut_or_missing_channel_takes_nothing() -> None:
    y = np.full((1, 2, 70), 5.0)
    y[0, 1, 6::7] = 0.0  # shut on Sundays
    discount = np.zeros((1, 2, 70))
    discount[0, 1, 40:50] = 0.3
    panel = panel_of(y, discount)
    factors = multipliers(panel, Promotions(np.full((2, 2, 1), 5.0), np.ones((2, 1))))
    assert (factors[0, [41, 48]] == 1.0).all()
    assert (factors[0, [40, 42]] < 0.5).all()
    only = panel.take(np.array([0]))
    assert (multipliers(only, Promotions(np.full((2, 2, 1), 5.0), np.ones((2, 1)))) == 1.0).all()


def test_drivers_are_promotions_and_the_price_beside_them() -> None:
    chance = np.random.default_rng(8)
    plain = panel_of(np.full((40, 3, 420), 200.0), planned(chance, 40, 3, 420))
    promoted = multipliers(plain, Promotions(PULL[..., None], GAIN[:, None]))
    panel = replace(plain, y=chance.poisson(200.0 * promoted).astype(np.float32))
    learned = learn(panel)
    assert learned is not None
    alone, law = drivers.multipliers(panel)
    np.testing.assert_allclose(alone, multipliers(panel, learned), rtol=1e-5)
    assert law is not None
    np.testing.assert_array_equal(law.pull, learned.pull)
    again, its_law = drivers.multipliers(panel, law=law)
    np.testing.assert_array_equal(again, alone)
    assert its_law is law
    price = np.repeat(chance.normal(0, 0.2, (len(panel), 14)), 30, axis=1).astype(np.float32)
    both = replace(
        panel, y=chance.poisson(200.0 * promoted * np.exp(-1.5 * price)).astype(np.float32), known={**panel.known, "log_price": price}
    )
    factors, _ = drivers.multipliers(both)
    assert factors is not None
    expected = promoted * np.exp(-1.5 * (price - price.mean(axis=1, keepdims=True)))
    off = np.abs(np.log(factors / expected))
    assert off[promoted == 1.0].max() < 0.02
    assert off[promoted != 1.0].mean() < 0.1  # prices move the base that the others divert from


def test_the_demos_promotions_are_recovered_though_its_law_is_another() -> None:
    company = make_company("small", 1, date(2026, 9, 30))
    chance = np.random.default_rng(1)
    mean = rates(company, 0, company.days)[:, : company.stocked].transpose(1, 2, 0)
    y = chance.poisson(mean * chance.gamma(8.0, 1 / 8, (company.stocked, 1, company.days))).astype(float)
    rows = company.promotions
    past = np.flatnonzero(rows.end < company.days)
    length = (rows.end - rows.start + 1)[past]
    row = np.repeat(past, length)
    day = rows.start[row] + np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    discount = np.zeros(y.shape)
    discount[rows.sku[row], rows.channel[row], day] = rows.discount[row]
    whole = panel_of(y, discount)
    category = np.repeat(company.category[: company.stocked], len(CHANNELS)).astype(np.int32)
    labels = {**whole.labels, "category": [spec.name for spec in CATEGORIES]}
    whole = replace(whole, statics={**whole.statics, "category": category}, labels=labels)
    panel = whole.take(np.flatnonzero(company.listed[: company.stocked].ravel()))
    learned = learn(panel)
    assert learned is not None
    effect = promotion_effects(company).filter(pl.col("row").is_in(past.tolist()))
    row = effect["row"].to_numpy()
    true = pl.DataFrame(
        {
            "sku": pl.Series(panel.labels["sku"])[rows.sku[row]],
            "promoted_channel": pl.Series(panel.labels["channel"])[rows.channel[row]],
            "channel": pl.Series(panel.labels["channel"])[effect["channel"].to_numpy()],
            "starts_on": np.datetime64(panel.start) + rows.start[row],
            "category": company.category[rows.sku[row]],
            "true": effect["units"] / pl.Series(units_per_line(company)[rows.sku[row]]),
        }
    )
    estimates = effects(panel, learned)
    both = true.join(
        estimates.with_columns(pl.col("starts_on").cast(pl.Date)), on=["sku", "promoted_channel", "channel", "starts_on"], how="left"
    )
    assert both["units"].null_count() == 0
    is_lift = (pl.col("channel") == pl.col("promoted_channel")).alias("is_lift")
    pools = both.group_by(is_lift, "channel", "category").agg(pl.col("units", "true").sum(), pl.len()).filter(pl.col("len") >= 30)
    median = pools.group_by("is_lift").agg((pl.col("units") / pl.col("true") - 1).abs().median(), pl.len())
    assert sorted(median["len"]) == [48, 48]
    assert median["units"].max() < 0.12


def test_promotions_that_do_nothing_are_found_to() -> None:
    chance = np.random.default_rng(9)
    discount = planned(chance, 80, 3, 420)
    panel = panel_of(chance.poisson(4.0, (80, 3, 420)), discount)
    learned = learn(panel)
    assert learned is not None
    estimates = effects(panel, learned)
    own = estimates.filter(pl.col("channel") == pl.col("promoted_channel"))
    assert own["units"].sum() < 0.05 * own["base"].sum()
