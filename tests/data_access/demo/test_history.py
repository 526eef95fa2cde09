"""The history as frames: repeatable, true to the ledger's rules, with everything in it that a real company has."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl
import pytest

from data_access.demo import orders, rows
from data_access.demo.company import Company
from data_access.demo.founding import make_company
from data_access.demo.history import make_history
from data_access.demo.supply import Supply
from data_access.demo.truth import TRUTH
from data_access.errors import InvalidInput

AS_OF = date(2026, 9, 30)
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Whole:
    """A history with all rows of each table in one frame."""

    company: Company
    supply: Supply
    truth: pl.DataFrame
    until_us: int
    order_lines: int
    next_id: int
    tables: dict[str, pl.DataFrame]


def whole(size: str, seed: int, as_of: date, until_us: int | None = None) -> Whole:
    history = make_history(size, seed, as_of, until_us)
    parts: dict[str, list[pl.DataFrame]] = {}
    for table, frame in history.frames:
        parts.setdefault(table, []).append(frame)
    tables = {table: pl.concat(frames) for table, frames in parts.items()}
    return Whole(history.company, history.supply, history.truth, history.until_us, history.order_lines, history.numbers.next_id, tables)


@pytest.fixture(scope="module")
def tiny() -> Whole:
    return whole("tiny", 7, AS_OF)


@pytest.fixture(scope="module")
def small() -> Whole:
    return whole("small", 11, AS_OF)


def fingerprint(history: Whole) -> dict[str, str]:
    frames = {**history.tables, "truth": history.truth}
    return {name: hashlib.blake2b(frame.write_csv().encode(), digest_size=16).hexdigest() for name, frame in frames.items()}


def balances(history: Whole) -> pl.DataFrame:
    """Movements with the balance after each, by SKU, location and state."""
    rank = pl.when(pl.col("kind") == "count").then(2).when(pl.col("quantity") > 0).then(0).otherwise(1)
    moves = history.tables["stock_movement"].with_columns(rank=rank)
    ordered = moves.sort("sku", "location_id", "state", "occurred_at", "rank")
    return ordered.with_columns(balance=pl.col("quantity").cum_sum().over("sku", "location_id", "state"))


def test_the_same_company_every_time(tiny: Whole) -> None:
    assert fingerprint(whole("tiny", 7, AS_OF)) == fingerprint(tiny)


def test_it_does_not_matter_in_how_many_parts_rows_are_made(tiny: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PART", 500)
    monkeypatch.setattr(orders, "PART", 500)
    history = make_history("tiny", 7, AS_OF)
    names = [table for table, _ in history.frames]
    assert names.count("order_line") > 10
    assert names.count("stock_movement") > 10
    assert fingerprint(whole("tiny", 7, AS_OF)) == fingerprint(tiny)


def test_rows_are_numbered_through_and_no_event_is_missing(tiny: Whole) -> None:
    ids = [frame["id"] for frame in tiny.tables.values() if "id" in frame.columns]
    numbered = pl.concat([*ids, tiny.tables["listing"]["listing_id"]]).sort()
    assert numbered.equals(pl.Series("id", range(1, tiny.next_id)))
    assert tiny.order_lines == tiny.tables["order_line"].height
    events = tiny.tables["event"]["id"].implode()
    for table in ("order_line", "shipment", "cancellation", "return_line", "purchase_order", "stock_movement", "stock_count"):
        assert tiny.tables[table]["event_id"].is_in(events).all(), table


def test_another_seed_is_another_company(tiny: Whole) -> None:
    other = fingerprint(whole("tiny", 8, AS_OF))
    assert other["order_line"] != fingerprint(tiny)["order_line"]
    assert other["product"] != fingerprint(tiny)["product"]


def test_an_earlier_end_is_the_beginning_of_the_same_history(tiny: Whole) -> None:
    noon = int(datetime(2026, 9, 30, 12, tzinfo=UTC).timestamp()) * 1_000_000
    cut = whole("tiny", 7, AS_OF, noon)
    columns = ["placed_at", "channel_id", "sku", "quantity", "unit_price"]
    before = tiny.tables["order_line"].filter(pl.col("placed_at") <= noon - 2 * 3_600_000_000).select(columns).sort(columns)
    assert cut.tables["order_line"].filter(pl.col("placed_at") <= noon - 2 * 3_600_000_000).select(columns).sort(columns).equals(before)


@pytest.mark.parametrize("hour", [0, 3, 6, 13, 22])
def test_nothing_is_known_of_what_is_to_come(hour: int) -> None:
    until = int(datetime(2026, 9, 30, hour, 31, tzinfo=UTC).timestamp()) * 1_000_000
    history = whole("tiny", 7, AS_OF, until)
    planned = {"expected_at", "ship_by_at", "deliver_by_at", "ends_at"}
    for name, frame in history.tables.items():
        for column in set(frame.columns) - planned:
            newest = frame[column].max() if column.endswith("_at") or column == "synced_until" else None
            assert newest is None or newest <= until, f"{name}.{column}"  # type: ignore[operator]


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_balances_never_fall_below_zero_and_counts_find_them(size: str, request: pytest.FixtureRequest) -> None:
    history = request.getfixturevalue(size)
    ledger = balances(history)
    assert ledger.filter(pl.col("balance") < 0).height == 0
    assert ledger.filter(pl.col("kind") == "discrepancy").height == 0
    keys = ["sku", "location_id", "occurred_at"]
    closing = ledger.filter(pl.col("state") == "sellable").group_by(keys, maintain_order=True).agg(pl.col("balance").last())
    counts = history.tables["stock_count"].join(closing.with_columns(at="occurred_at"), on=keys, how="left")
    balanced = counts.filter(pl.col("balance").is_not_null())
    assert balanced.height > 50
    assert balanced.filter(pl.col("balance") != pl.col("quantity")).height == 0


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_levels_are_the_sums_of_what_they_are_made_of(size: str, request: pytest.FixtureRequest) -> None:
    tables = request.getfixturevalue(size).tables
    levels = tables["stock_level"]
    moved = (
        tables["stock_movement"]
        .group_by("sku", "location_id")
        .agg(moved=pl.col("quantity").sum(), spoilt=pl.col("quantity").filter(pl.col("state") == "unsellable").sum())
    )
    both = levels.join(moved, on=["sku", "location_id"], how="full", coalesce=True).fill_null(0)
    assert both.filter((pl.col("on_hand") != pl.col("moved")) | (pl.col("unsellable") != pl.col("spoilt"))).height == 0
    assert levels.filter(pl.col("allocated") > pl.col("on_hand") - pl.col("unsellable")).height == 0
    assert levels["unsellable"].sum() > 0


def test_every_kind_of_place_product_and_happening_is_there(small: Whole) -> None:
    tables = small.tables
    assert set(tables["channel"]["kind"]) == {"marketplace", "webstore", "social", "retail"}
    assert set(tables["location"]["kind"]) == {"warehouse", "shop", "3pl", "fulfilment_centre"}
    assert tables["location"].height == 8
    assert tables["channel"].height == 6
    assert tables["channel"]["currency"].n_unique() == 3
    products = tables["product"]
    assert 270 <= products.filter(pl.col("kit_version") == 0).height <= 300
    assert products.filter(pl.col("kit_version") == 1).height >= 10
    assert products["launched_on"].is_not_null().sum() > 20
    assert products["ended_on"].is_not_null().sum() > 10
    assert products["category"].n_unique() == 8
    assert 240_000 <= tables["order_line"].height <= 260_000
    kinds = set(tables["stock_movement"]["kind"])
    assert kinds == {
        "opening", "receipt", "shipment", "transfer_out", "transfer_in", "adjustment", "count", "write_off", "return_received",
        "restock", "discard",
    }  # fmt: skip
    assert set(tables["event"]["kind"]) == {
        "sale", "cancellation", "shipment", "receipt", "purchase_order", "transfer", "adjustment", "count", "opening", "write_off",
        "return_received", "inspection", "return_requested", "return_decided", "return_sent_back",
    }  # fmt: skip
    assert sum(frame.height for frame in tables.values()) < 1_650_000
    listings = tables["listing"]
    assert listings.filter(pl.col("external_sku") == pl.col("sku")).height == 0
    assert listings.group_by("channel_id", "sku").len().filter(pl.col("len") > 1).height > 50
    assert listings["maximum"].is_not_null().sum() > 10
    repeats = tables["channel_price"].group_by("channel_id", "sku").len()
    assert repeats.filter(pl.col("len") > 1).height > 100
    dispositions = set(tables["return_line"]["disposition"])
    assert dispositions == {None, "restock", "refurbish", "discard"}
    assert {"buyer", "seller", "marketplace"} == set(tables["cancellation"]["cancelled_by"])


def test_stock_runs_out_as_often_as_in_life(small: Whole) -> None:
    company = small.company
    listed = company.listed[: company.stocked]
    first, last = company.launched[: company.stocked].clip(0), company.ended[: company.stocked].clip(None, company.days - 1)
    days = ((last - first + 1).clip(0)[:, None] * listed).sum()
    assert 0.03 <= small.supply.empty_days.sum() / days <= 0.08


def test_there_is_something_to_do_at_the_end(small: Whole) -> None:
    lines = small.tables["order_line"]
    assert lines.filter(pl.col("allocated_quantity") > 0).height > 100
    assert lines.filter(pl.col("backordered_quantity") > 0).height > 3
    purchases = small.tables["purchase_order_line"]
    assert purchases.filter(pl.col("received_quantity") < pl.col("quantity")).height > 50
    assert small.tables["return_line"].filter(pl.col("inspected_at").is_null()).height > 10
    fresh = pl.col("shipped_at") > small.until_us - 3 * DAY_US
    assert small.tables["shipment"].filter(fresh & pl.col("delivered_at").is_null()).height > 300


def shipped_lines(history: Whole) -> pl.DataFrame:
    tables = history.tables
    lines = tables["order_line"].filter(pl.col("placed_at") < history.until_us - 20 * DAY_US, pl.col("channel_id") != "retail")
    orders = tables["sales_order"].select(order_id="id", fulfilled_by="fulfilled_by")
    ours = lines.join(orders, on="order_id").filter(pl.col("fulfilled_by") == "seller")
    return ours.join(tables["shipment"].drop("id", "quantity", "event_id"), left_on="id", right_on="line_id", suffix="_shipment")


def test_packages_are_late_and_untracked_at_believable_rates(small: Whole) -> None:
    rates = (
        shipped_lines(small)
        .group_by("channel_id")
        .agg(
            late=(pl.col("shipped_at") > pl.col("ship_by_at")).mean(),
            tracked=pl.col("tracking_uploaded_at").is_not_null().mean(),
            scanned=pl.col("first_scan_at").is_not_null().mean(),
            delivered=pl.col("delivered_at").is_not_null().mean(),
            in_time=(pl.col("delivered_at") <= pl.col("deliver_by_at")).mean(),
        )
    )
    by_channel = {row["channel_id"]: row for row in rates.to_dicts()}
    assert set(by_channel) == {"amazon", "ebay", "shop", "tiktok", "walmart"}
    assert 0.028 <= by_channel["amazon"]["late"] <= 0.04  # near the marketplace's target of 4 %
    for row in by_channel.values():
        assert 0.015 <= row["late"] <= 0.07
        assert 0.96 <= row["tracked"] <= 0.995
        assert 0.92 <= row["scanned"] < row["tracked"]
        assert 0.97 <= row["delivered"] <= 0.995
        assert 0.88 <= row["in_time"] <= 0.99
    assert by_channel["tiktok"]["scanned"] < 0.95  # some channel breaches its target


def test_the_lagging_channel_oversells(small: Whole) -> None:
    events = small.tables["event"].filter(pl.col("kind") == "sale")
    lag = events.group_by("channel_id").agg(least=(pl.col("received_at") - pl.col("occurred_at")).min(),
                                            most=(pl.col("received_at") - pl.col("occurred_at")).max())  # fmt: skip
    by_channel = {row["channel_id"]: (row["least"] / 60e6, row["most"] / 60e6) for row in lag.to_dicts()}
    assert by_channel["ebay"][0] >= 20
    assert by_channel["ebay"][1] <= 90
    assert all(most < 0.2 for channel, (_, most) in by_channel.items() if channel != "ebay")
    lines = small.tables["order_line"].select("id", "channel_id")
    by_seller = small.tables["cancellation"].filter(pl.col("cancelled_by") == "seller").join(lines, left_on="line_id", right_on="id")
    shares = by_seller["channel_id"].value_counts(normalize=True)
    assert shares.filter(pl.col("channel_id") == "ebay")["proportion"][0] > 0.35


def test_return_reasons_differ_by_category_and_channel(small: Whole) -> None:
    tables = small.tables
    returns = tables["return_line"].join(tables["product"].select("sku", "category"), on="sku")
    clothing = returns.filter(pl.col("category") == "Clothing")["return_reason"].value_counts(sort=True)["return_reason"][0]
    lighting = returns.filter(pl.col("category") == "Lighting")["return_reason"].value_counts(sort=True)["return_reason"][0]
    assert clothing == "size_or_fit"
    assert lighting != "size_or_fit"
    codes = returns.filter(pl.col("return_reason") == "product_fault").group_by("channel_id").agg(pl.col("reason_code").unique())
    assert {row["channel_id"]: row["reason_code"] for row in codes.to_dicts()}["amazon"] == ["DEFECTIVE"]
    sold = tables["order_line"].group_by("channel_id").agg(rate=pl.col("returned_quantity").sum() / pl.col("shipped_quantity").sum())
    rates = dict(sold.iter_rows())
    assert rates["retail"] < rates["ebay"] < rates["tiktok"]


def test_the_truth_has_its_schema_and_tells_each_thing(small: Whole) -> None:
    truth = small.truth
    assert truth.schema == TRUTH
    assert set(truth["record"]) == {"demand", "lift", "diversion", "rush", "defect"}
    rush = truth.filter(pl.col("record") == "rush")
    assert rush["units"].min() >= 1  # type: ignore[operator]
    assert set(rush["channel_id"]) == {"ebay", "tiktok"}
    demand = truth.filter(pl.col("record") == "demand")
    assert demand.filter((pl.col("lost_units") <= 0) | (pl.col("units") < pl.col("lost_units"))).height == 0
    assert 0.02 < demand["lost_units"].sum() / small.tables["order_line"]["quantity"].sum() < 0.08
    assert truth.filter((pl.col("record") == "lift") & (pl.col("units") <= 0)).height == 0
    assert truth.filter((pl.col("record") == "diversion") & (pl.col("units") >= 0)).height == 0
    defects = truth.filter(pl.col("record") == "defect")
    assert defects.height == 6
    assert defects["units"].min() >= 30  # type: ignore[operator]
    assert defects["reason"].is_not_null().all()
    assert defects["ends_on"].max() > AS_OF or defects["ds"].max() > date(2026, 8, 15)  # type: ignore[operator]


def test_true_demand_is_what_was_sold_and_what_was_lost(tiny: Whole) -> None:
    demand = tiny.truth.filter(pl.col("record") == "demand")
    zones = tiny.tables["channel"].select("channel_id", "time_zone")
    sold = tiny.tables["order_line"].join(zones, on="channel_id")
    parts = [
        group.with_columns(ds=pl.from_epoch("placed_at", "us").dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone)).dt.date())
        for (zone,), group in sold.group_by("time_zone")
    ]
    by_day = pl.concat(parts).group_by("ds", "sku", "channel_id").agg(sold=pl.col("quantity").sum())
    both = demand.join(by_day, on=["ds", "sku", "channel_id"], how="left").with_columns(pl.col("sold").fill_null(0))
    # the lagging channel's last orders are not known yet
    known = both.filter(pl.col("ds") < AS_OF)
    assert known.height > 20
    assert known.filter(pl.col("sold") + pl.col("lost_units") != pl.col("units")).height == 0


def test_each_channel_and_category_has_many_promotions() -> None:
    company = make_company("medium", 3, AS_OF)
    rows = pl.DataFrame(
        {
            "promotion": company.promotions.promotion,
            "channel": company.promotions.channel,
            "category": company.category[company.promotions.sku],
            "ended": company.promotions.end < company.days,
        }
    )
    counts = rows.filter("ended").group_by("channel", "category").agg(pl.col("promotion").n_unique())
    assert counts.height == 48
    assert counts["promotion"].min() >= 30  # type: ignore[operator]


def test_the_large_company_has_the_size_it_is_told_to_have() -> None:
    company = make_company("large", 7, AS_OF)
    assert (len(company.skus), len(set(company.skus)), company.listed.shape[1], company.stocks.shape[1]) == (20_000, 20_000, 6, 8)
    assert company.days == 730
    assert company.size.lines == 10_000_000


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(InvalidInput, match="choose small, medium or large"):
        make_history("huge", 7, AS_OF)
