"""The registry of metrics: what comes with OnHand, and what is refused."""

from fractions import Fraction
from importlib import resources

import pytest

from data_access.domain.scorecards.observe import SPECS
from data_access.domain.scorecards.registry import COMPUTED, Window, for_channel, load, registry, with_target
from data_access.errors import InvalidInput

BY_ID = {metric.id: metric for metric in registry()}
ROW = """
[[metric]]
id = "m"
marketplace = "x"
name = "M"
numerator = "n"
denominator = "d"
unit = "order"
dated_by = "placed"
dating_grade = "A"
dating = "by order date"
window = { days = 7 }
target = "0.04"
direction = "lower"
needs = ["shipments"]
computes = "late_shipment"
source = "s"
grade = "A"
"""


def test_every_row_of_the_reference_is_there() -> None:
    counts = {name: sum(m.marketplace == name for m in registry()) for name in ("amazon", "ebay", "walmart", "etsy", "tiktok", "own")}
    assert counts == {"amazon": 7, "ebay": 5, "walmart": 8, "etsy": 3, "tiktok": 4, "own": 6}


def test_what_is_computed_can_be() -> None:
    assert {(kind, unit) for kind, units in COMPUTED.items() for unit in units} == set(SPECS)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("amazon-late-shipment-30d", "< 4 %"),
        ("amazon-on-time-delivery-14d", ">= 90 %"),
        ("ebay-late-shipment-top-rated", "<= 3 % and at most 5"),
        ("ebay-transaction-defect-top-rated", "<= 0.5 % and at most 3"),
        ("etsy-rating", ">= 4.8"),
    ],
)
def test_targets_in_words(metric: str, words: str) -> None:
    assert BY_ID[metric].target_words == words


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window(days=1), "1 day"),
        (Window(days=30), "30 days"),
        (Window(months=1), "1 month"),
        (Window(months=3), "3 months"),
        (Window(months=3, fallback_months=12, enough=400), "3 months, or 12 if they hold fewer than 400"),
    ],
)
def test_windows_in_words(window: Window, words: str) -> None:
    assert window.words == words


def test_targets_are_exact() -> None:
    assert BY_ID["amazon-cancellation-7d"].target == Fraction(1, 40)
    assert BY_ID["amazon-valid-tracking-7d"].miss_limit == Fraction(1, 20)


def test_an_uncertain_metric_is_off_and_says_why() -> None:
    assert {metric.id for metric in registry() if not metric.on} == {
        "ebay-tracking-on-time-top-rated",
        "tiktok-late-dispatch",
        "tiktok-cancellation",
        "tiktok-valid-tracking",
    }
    assert BY_ID["tiktok-late-dispatch"].off_because == (
        "The source is uncertain (TikTok Shop: the target is A, the window of 30 days is assumed): confirm it."
    )


def test_a_channel_has_its_marketplaces_metrics_off_outside_their_region() -> None:
    there, elsewhere = for_channel(registry(), "walmart", "US"), for_channel(registry(), "walmart", "MX")
    assert [metric.id for metric in there] == [metric.id for metric in elsewhere]
    assert all(metric.on for metric in there)
    assert not any(metric.on for metric in elsewhere)
    assert elsewhere[0].off_because == "The source is for US, the channel's is MX: confirm that it holds here."
    assert (
        for_channel(registry(), "walmart", None)[0].off_because
        == "The source is for US, the channel names none: confirm that it holds here."
    )


@pytest.mark.parametrize("marketplace", [None, "otto", "own"])
def test_a_channel_without_a_known_marketplace_has_the_companys_own(marketplace: str | None) -> None:
    metrics = for_channel(registry(), marketplace, "DE")
    assert {metric.marketplace for metric in metrics} == {"own"}
    assert all(metric.target_is_assumed and metric.on for metric in metrics)


def test_the_company_sets_its_own_target() -> None:
    metric = with_target(BY_ID["own-return-60d"], "0.075")
    assert (metric.target, metric.target_is_assumed, metric.target_words) == (Fraction(3, 40), False, "<= 7.5 %")
    with pytest.raises(InvalidInput, match=r"target 7\.5 is no share between 0 and 1"):
        with_target(metric, "7.5")
    with pytest.raises(InvalidInput, match="nothing can be below 0 %"):
        with_target(metric, "0", strict=True)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "M"', "", "Metric m: name is missing."),
        ('name = "M"', 'name = "M"\nnmae = "M"', "Metric m: 'nmae' is no key of a metric."),
        ('name = "M"', "name = 3", "Metric m: name is 3, not a text."),
        ('name = "M"', 'name = "M"\nextra_cap = -1', "Metric m: extra_cap is -1, below 0."),
        ('name = "M"', 'name = "M"\nextra_cap = true', "Metric m: extra_cap is True, not of type int."),
        ('"lower"', '"down"', "Metric m: direction is 'down', not one of lower, higher."),
        ('"order"', '"unit"', "Metric m: late_shipment cannot be counted by unit, only by order."),
        ('"late_shipment"', '"late"', "Metric m: 'late' is not computed; one of late_shipment,"),
        ('"placed"', '"received"', "Metric m: what is computed is dated by one of placed,"),
        ('"0.04"', "0.04", "Metric m: target is 0.04, not a decimal written as text"),
        ('"0.04"', '"4 %"', "Metric m: target is '4 %', not a decimal written as text"),
        ('"0.04"', '"1.01"', "Metric m: target 1.01 is no share between 0 and 1."),
        ("{ days = 7 }", "{ days = 0 }", "Metric m: window has days, or months"),
        ("{ days = 7 }", "{ months = 3, enough = 400 }", "Metric m: window has days, or months"),
        ('["shipments"]', "[]", "Metric m: needs is a list of words."),
        ("[[metric]]", "[metrics]", "consists of [[metric]] tables"),
        ("[[metric]]", "[[metric", "is not readable TOML"),
    ],
)
def test_what_cannot_be_is_refused_by_name(old: str, new: str, sentence: str) -> None:
    assert load(ROW)[0].on
    with pytest.raises(InvalidInput) as refused:
        load(ROW.replace(old, new, 1))
    assert sentence in str(refused.value)


def test_two_metrics_cannot_have_one_id() -> None:
    with pytest.raises(InvalidInput, match="two metrics 'm'"):
        load(ROW + ROW)


def test_the_registry_is_part_of_the_package() -> None:
    assert resources.files("data_access.domain.scorecards").joinpath("registry.toml").is_file()
