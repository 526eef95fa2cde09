"""What a person does with scorecards: set a channel's metric, record the marketplace's own figure, undo. Checked, audited, versioned."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.scorecards.registry import OWN, Metric, for_channel, registry, with_target
from data_access.errors import InvalidInput, Refused
from data_access.schema.channels import channel
from data_access.schema.scorecards import metric_setting, recorded_figure
from data_access.write.audited_edits import Audited
from data_access.write.audited_rows import AuditedRows
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

MAX_TEXT: Final = 500
_SETTINGS: Final = AuditedRows(
    Audited("metric_setting", "metric", ("channel_id", "metric_id", "is_on", "target")),
    metric_setting,
    ("channel_id", "metric_id"),
    "scorecards",
)
_FIGURES: Final = AuditedRows(
    Audited("recorded_figure", "recorded figure", ("channel_id", "metric_id", "day", "value", "note")),
    recorded_figure,
    ("channel_id", "metric_id", "day"),
    "scorecards",
)


@dataclass(frozen=True, slots=True)
class SettingDraft:
    """A channel's metric as a person wants it. `target`: a decimal share as text ("0.04"), for the company's own; None: the registry's."""

    channel_id: str
    metric_id: str
    is_on: bool
    target: str | None = None


@dataclass(frozen=True, slots=True)
class FigureDraft:
    """The marketplace's own figure of a metric. `value`: a decimal as text, a share ("0.0312") or stars; `day`: for which it gave it."""

    channel_id: str
    metric_id: str
    day: date
    value: str
    note: str = ""


def set_metric(engine: Engine, draft: SettingDraft, why: str, actor: str, version: int | None = None) -> int:
    """Set whether a channel is judged by a metric, and the company's own target; the setting's id.

    `version`: of the setting as the person saw it; None if there was none.

    Raises:
        Forbidden: the actor may not set metrics.
        Refused: a field is wrong, at place 0.
        ChangedMeanwhile: it was changed since the person saw it.

    """

    def edit(unit: UnitOfWork) -> int:
        metric = _begin(unit.connection, draft.channel_id, draft.metric_id)
        _refuse(_setting_problems(draft, metric, why))
        return _SETTINGS.save(unit, ("set_metric", why.strip()), version, asdict(draft))

    return work(engine, actor, "set metrics", edit, rows=2)


def record_figure(engine: Engine, draft: FigureDraft, today: date, actor: str, version: int | None = None) -> int:
    """Record what a marketplace says of a metric, or correct what was recorded for that day; the figure's id.

    `today`: the channel's own day, which a figure cannot be after; `version`: of the figure of that day as the person saw it; None if
    there was none.

    Raises:
        Forbidden: the actor may not set metrics.
        Refused: a field is wrong, at place 0.
        ChangedMeanwhile: it was changed since the person saw it.

    """

    def edit(unit: UnitOfWork) -> int:
        metric = _begin(unit.connection, draft.channel_id, draft.metric_id)
        _refuse(_figure_problems(draft, metric, today))
        values = {**asdict(draft), "day": draft.day.isoformat(), "value": str(Decimal(draft.value)), "note": draft.note.strip()}
        return _FIGURES.save(unit, ("record_figure", values["note"] or None), version, values)

    return work(engine, actor, "set metrics", edit, rows=2)


def undo(engine: Engine, entity: str, audit_id: int, actor: str) -> int:
    """Take back a change (`audit_entry.id`) of a `metric_setting` or a `recorded_figure`, if nothing was changed since; the thing's id.

    Raises:
        Forbidden: the actor may not set metrics.
        InvalidInput: there is no such change.
        Conflict: it was changed since.

    """
    rows = _SETTINGS if entity == _SETTINGS.kind.entity else _FIGURES

    def edit(unit: UnitOfWork) -> int:
        rows.take_turn(unit.connection)
        return rows.undo(unit, audit_id)

    return work(engine, actor, "set metrics", edit)


def _begin(connection: Connection, channel_id: str, metric_id: str) -> Metric:
    """The channel's metric, by the registry; whoever writes scorecards next waits until this is done."""
    _SETTINGS.take_turn(connection)
    known = connection.execute(
        sa.select(channel.c.name, channel.c.marketplace, channel.c.country).where(channel.c.channel_id == channel_id)
    ).first()
    if known is None:
        raise Refused({0: {"channel_id": f"There is no channel “{channel_id}” in this store: choose another."}})
    theirs = {metric.id: metric for metric in for_channel(registry(), known.marketplace, known.country)}
    if metric_id not in theirs:
        raise Refused({0: {"metric_id": f"{known.name} has no metric “{metric_id}”: choose one of its own."}})
    return theirs[metric_id]


def _setting_problems(draft: SettingDraft, metric: Metric, why: str) -> dict[str, str]:
    refusals = {}
    if not why.strip() or len(why) > MAX_TEXT:
        refusals["why"] = f"Say why the metric is set so, in at most {MAX_TEXT} characters."
    if draft.target is not None and metric.marketplace != OWN:
        refusals["target"] = "The marketplace sets this target: only targets of your own channels can be changed."
    elif draft.target is not None:
        refusals |= _target_problem(draft.target, metric)
    return refusals


def _target_problem(target: str, metric: Metric) -> dict[str, str]:
    try:
        share = Decimal(target)
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite():
        return {"target": f"The target “{target}” is not a number: write one like 2.5."}
    if metric.measure == "rate" and not 0 <= share <= 1:
        return {"target": f"A target of {(share * 100).normalize():f} % cannot be met or missed: a rate lies between 0 and 100 %."}
    try:
        with_target(metric, target)
    except InvalidInput as error:
        return {"target": str(error)}
    return {}


def _figure_problems(draft: FigureDraft, metric: Metric, today: date) -> dict[str, str]:
    refusals = {}
    try:
        value = Decimal(draft.value)
    except InvalidOperation:
        value = Decimal("NaN")
    most = 1 if metric.measure == "rate" else 5
    if not value.is_finite():
        refusals["value"] = f"“{draft.value}” is not a number: write one like {'2.5' if metric.measure == 'rate' else '4.8'}."
    elif not 0 <= value <= most:
        refusals["value"] = "A rate lies between 0 and 100 %." if metric.measure == "rate" else "An average of stars lies between 0 and 5."
    if draft.day > today:
        day = draft.day.isoformat()
        refusals["day"] = f"{day} is still to come on the channel, where it is {today.isoformat()}: choose an earlier day."
    if len(draft.note) > MAX_TEXT:
        refusals["note"] = f"The note is longer than {MAX_TEXT} characters: shorten it."
    return refusals


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        raise Refused({0: problems})
