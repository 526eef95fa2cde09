"""Setting metrics and recording figures: by who may, with the version that was seen, and undone."""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.commands.scorecards import FigureDraft, SettingDraft, record_figure, set_metric, undo
from data_access.errors import ChangedMeanwhile, Conflict, Forbidden, Refused
from data_access.queries import scorecards as queries
from data_access.queries.buffers import history
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company

TODAY = date(2026, 3, 29)
OWN = SettingDraft("web", "own-late-shipment-30d", is_on=True, target="0.02")
LATE = FigureDraft("market", "amazon-late-shipment-10d", date(2026, 3, 28), "0.0312", " Account health ")


@pytest.fixture
def company(store: Engine) -> Engine:
    make_company(store)
    with store.begin() as connection:
        connection.execute(sa.text("update channel set marketplace = 'amazon' where channel_id = 'market'"))
    for name, role in (("mara", "manager"), ("olga", "ops"), ("pia", "planner")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """All that a write could have changed."""
    names = ("metric_setting", "recorded_figure", "audit_entry", "store_version", "change_log")
    return [sorted(table(engine, f"select * from {name}"), key=str) for name in names]


def settings(engine: Engine) -> list[tuple[Any, ...]]:
    return queries.settings(engine).drop("setting_id").rows()


def figures(engine: Engine) -> list[tuple[Any, ...]]:
    return queries.figures(engine).drop("figure_id").rows()


def test_a_target_of_one_s_own_is_set_changed_and_undone(company: Engine) -> None:
    before = {metric.id: metric for metric in queries.metrics(company)["web"]}[OWN.metric_id]
    assert before.target_is_assumed
    setting_id = set_metric(company, OWN, " we ship the same day ", "mara")
    assert settings(company) == [("web", "own-late-shipment-30d", True, "0.02", 1)]
    metric = {metric.id: metric for metric in queries.metrics(company)["web"]}[OWN.metric_id]
    assert (metric.target, metric.target_is_assumed, metric.on) == (Fraction(1, 50), False, True)
    again = everything(company)
    assert set_metric(company, OWN, "the same", "mara", 1) == setting_id  # nothing new: no entry, no version
    assert everything(company) == again
    set_metric(company, SettingDraft("web", OWN.metric_id, is_on=False, target="0.05"), "holidays", "mara", 1)
    assert settings(company) == [("web", "own-late-shipment-30d", False, "0.05", 2)]
    entries = history(company, setting_id, entity="metric_setting")
    assert entries.select("actor", "action", "why").rows() == [
        ("mara", "set_metric", "holidays"),
        ("mara", "set_metric", "we ship the same day"),
    ]
    with pytest.raises(Conflict, match="The metric was changed since"):
        undo(company, "metric_setting", entries["audit_id"][1], "mara")
    assert undo(company, "metric_setting", entries["audit_id"][0], "mara") == setting_id
    assert settings(company) == [("web", "own-late-shipment-30d", True, "0.02", 3)]
    logged = table(company, "select version, entity, entity_id from change_log where topic = 'scorecards' order by version")
    assert logged == [(version, "metric_setting", str(setting_id)) for version in (1, 2, 3)]


def test_an_uncertain_metric_counts_once_it_is_confirmed(company: Engine) -> None:
    with company.begin() as connection:
        connection.execute(sa.text("update channel set marketplace = 'tiktok', country = 'US' where channel_id = 'market'"))
    draft = SettingDraft("market", "tiktok-late-dispatch", is_on=True)
    before = {metric.id: metric for metric in queries.metrics(company)["market"]}[draft.metric_id]
    assert not before.on
    assert "confirm" in before.off_because
    set_metric(company, draft, "as the Seller Center has it", "mara")
    metric = {metric.id: metric for metric in queries.metrics(company)["market"]}[draft.metric_id]
    assert (metric.on, metric.off_because, metric.target) == (True, "", before.target)
    first = history(company, queries.settings(company)["setting_id"][0], entity="metric_setting")
    undo(company, "metric_setting", first["audit_id"][0], "mara")
    assert settings(company) == []
    assert {metric.id: metric for metric in queries.metrics(company)["market"]}[draft.metric_id] == before


def test_a_figure_is_recorded_corrected_and_undone(company: Engine) -> None:
    figure_id = record_figure(company, LATE, TODAY, "mara")
    assert figures(company) == [("market", LATE.metric_id, LATE.day, "0.0312", "Account health", 1)]
    record_figure(company, FigureDraft("market", LATE.metric_id, LATE.day, "0.031"), TODAY, "mara", 1)
    record_figure(company, FigureDraft("market", LATE.metric_id, TODAY, "0"), TODAY, "mara")
    assert figures(company) == [("market", LATE.metric_id, TODAY, "0", "", 1), ("market", LATE.metric_id, LATE.day, "0.031", "", 2)]
    entries = history(company, figure_id, entity="recorded_figure")
    assert entries["action"].to_list() == ["record_figure", "record_figure"]
    undo(company, "recorded_figure", entries["audit_id"][0], "mara")
    assert figures(company)[1] == ("market", LATE.metric_id, LATE.day, "0.0312", "Account health", 3)
    newest = queries.figures(company)["figure_id"][0]
    undo(company, "recorded_figure", history(company, newest, entity="recorded_figure")["audit_id"][0], "mara")
    assert figures(company) == [("market", LATE.metric_id, LATE.day, "0.0312", "Account health", 3)]


def record(**changed: Any) -> Callable[[Engine], object]:
    fields = {"channel_id": "market", "metric_id": LATE.metric_id, "day": LATE.day, "value": "0.03", "note": "", **changed}
    return lambda engine: record_figure(engine, FigureDraft(**fields), TODAY, "mara")


def setting(why: str = "because", **changed: Any) -> Callable[[Engine], object]:
    fields = {"channel_id": "web", "metric_id": OWN.metric_id, "is_on": True, "target": "0.02", **changed}
    return lambda engine: set_metric(engine, SettingDraft(**fields), why, "mara")


@pytest.mark.parametrize(
    ("act", "field", "sentence"),
    [
        (setting(why=" "), "why", "Say why the metric is set so, in at most 500 characters."),
        (setting(target="much"), "target", "The target “much” is not a number: write one like 2.5."),
        (setting(target="1.5"), "target", "A target of 150 % cannot be met or missed"),
        (setting(target="-0.1"), "target", "A target of -10 % cannot be met or missed"),
        (setting(channel_id="moon"), "channel_id", "There is no channel “moon” in this store: choose another."),
        (setting(metric_id="none"), "metric_id", "Web has no metric “none”: choose one of its own."),
        (setting(channel_id="market", metric_id=LATE.metric_id), "target", "The marketplace sets this target"),
        (record(value="many"), "value", "“many” is not a number: write one like 2.5."),
        (record(value="nan"), "value", "“nan” is not a number"),
        (record(value="1.01"), "value", "A rate lies between 0 and 100 %."),
        (record(value="-0.01"), "value", "A rate lies between 0 and 100 %."),
        (
            record(day=date(2026, 3, 30)),
            "day",
            "2026-03-30 is still to come on the channel, where it is 2026-03-29: choose an earlier day.",
        ),
        (record(note="x" * 501), "note", "The note is longer than 500 characters: shorten it."),
        (record(metric_id=OWN.metric_id), "metric_id", "Market has no metric “own-late-shipment-30d”: choose one of its own."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(company: Engine, act: Callable[[Engine], object], field: str, sentence: str) -> None:
    before = everything(company)
    with pytest.raises(Refused) as refused:
        act(company)
    assert sentence in refused.value.problems[0][field]
    assert everything(company) == before


def test_only_who_may_sets_metrics(company: Engine) -> None:
    figure_id = record_figure(company, LATE, TODAY, "mara")
    audit_id = history(company, figure_id, entity="recorded_figure")["audit_id"][0]
    before = everything(company)
    for who in ("olga", "pia", "nobody"):
        for act in (
            lambda who=who: set_metric(company, OWN, "because", who),
            lambda who=who: record_figure(company, LATE, TODAY, who, 1),
            lambda who=who: undo(company, "recorded_figure", audit_id, who),
        ):
            with pytest.raises(Forbidden):
                act()
    assert everything(company) == before


def test_the_second_of_two_is_refused_and_nothing_changes(company: Engine) -> None:
    set_metric(company, OWN, "because", "mara")
    record_figure(company, LATE, TODAY, "mara")
    record_figure(company, FigureDraft("market", LATE.metric_id, LATE.day, "0.04"), TODAY, COMMAND_LINE, 1)
    before = everything(company)
    with pytest.raises(ChangedMeanwhile, match="mara changed the metric meanwhile") as conflict:
        set_metric(company, SettingDraft("web", OWN.metric_id, is_on=False), "because", COMMAND_LINE)
    assert (conflict.value.now["target"], conflict.value.version) == ("0.02", 1)
    with pytest.raises(ChangedMeanwhile, match="changed the recorded figure meanwhile") as conflict:
        record_figure(company, LATE, TODAY, "mara", 1)
    assert (conflict.value.now["value"], conflict.value.version) == ("0.04", 2)
    assert everything(company) == before
    gone = history(company, queries.settings(company)["setting_id"][0], entity="metric_setting")["audit_id"][0]
    undo(company, "metric_setting", gone, "mara")
    with pytest.raises(ChangedMeanwhile, match="removed the metric meanwhile"):
        set_metric(company, OWN, "because", "mara", 1)
