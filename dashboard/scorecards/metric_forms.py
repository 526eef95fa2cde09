"""What managers set of a metric: whether it counts, the company's own target, the marketplace's own figure; who changed it, and undo."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.scorecards import reads
from dashboard.shell import reads as shared
from dashboard.shell import records, user, words
from dashboard.shell.act import act
from data_access.commands import scorecards as commands
from data_access.commands.scorecards import FigureDraft, SettingDraft
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.rates import today
from data_access.domain.scorecards.registry import OWN, Metric
from data_access.errors import ChangedMeanwhile, Refused

_SAVED: Final = "Saved. The scorecards are updating."
_SETTING: Final = "setting"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the forms of a metric keep what is typed. A new `round` begins once something is saved: fields then show what is stored."""

    channel_id: str
    metric: Metric
    page: str
    round: int

    def key(self, name: str) -> str:
        return f"{self.page}.{self.channel_id}.{self.metric.id}.{self.round}.{name}"

    def seen(self, form: str, versions: dict[str, int]) -> dict[str, int]:
        """The versions that the person saw: those of when the form was first drawn in this round, whatever others did since."""
        seen: dict[str, int] = st.session_state.setdefault(self.key(f"{form}.seen"), versions)
        return seen


def show(channel_id: str, metric: Metric, can_change: bool, page: str) -> None:
    """Draw the forms and what was changed before; carry out what a person asks for."""
    place = _Place(channel_id, metric, page, st.session_state.get(f"{page}.round", 0))
    left, right = st.columns(2, gap="medium")
    with left:
        _setting(place, can_change)
    with right:
        if metric.marketplace != OWN:
            _figure(place, can_change)


def _setting(place: _Place, can_change: bool) -> None:
    metric = place.metric
    stored = _stored(reads.metric_settings(), place)
    seen = place.seen("setting", {} if stored is None else {_SETTING: stored["version"]})
    with st.form(place.key("setting"), enter_to_submit=False):
        st.markdown("**How this channel is judged by it**")
        is_on = st.checkbox("Judge the channel by this metric", metric.on, key=place.key("on"), disabled=not can_change)
        text = ""
        if metric.marketplace == OWN:
            percent = _percent(None if stored is None else stored["target"])
            text = st.text_input(
                "Own target (%)", percent, placeholder=_percent(str(float(metric.target))), key=place.key("target"), disabled=not can_change
            )
        why = st.text_input("Why?", key=place.key("why"), max_chars=500, disabled=not can_change)
        _refusals(place, "setting")
        if st.form_submit_button("Save", icon=":material/save:", disabled=not can_change):
            draft = SettingDraft(place.channel_id, metric.id, is_on, _share(text) if text.strip() else None)
            save = partial(commands.set_metric, shared.engine(), draft, why, user.current(), seen.get(_SETTING))
            _carry_out(place, "setting", save, _SETTING)
    _changes(place, "metric_setting", None if stored is None else stored["setting_id"], can_change)


def _figure(place: _Place, can_change: bool) -> None:
    metric = place.metric
    rows = shared.recorded_figures().filter((pl.col("channel_id") == place.channel_id) & (pl.col("metric_id") == metric.id))
    counted = shared.ready_history().counted
    day = today(datetime.now(UTC), None if counted is None else zones(counted.channels).get(place.channel_id))
    is_rate = metric.measure == "rate"
    seen = place.seen("figure", {str(on): version for on, version in rows.select("day", "version").iter_rows()})
    with st.form(place.key("figure"), enter_to_submit=False):
        st.markdown("**What the marketplace says**")
        on = st.date_input("As of", day, max_value=day, format="YYYY-MM-DD", key=place.key("day"), disabled=not can_change)
        text = st.text_input(
            "Its figure (%)" if is_rate else "Its figure (stars)", placeholder="3.12", key=place.key("value"), disabled=not can_change
        )
        note = st.text_input("Note", placeholder="Where you read it", key=place.key("note"), max_chars=500, disabled=not can_change)
        _refusals(place, "figure")
        if st.form_submit_button("Record", icon=":material/edit_note:", disabled=not can_change):
            draft = FigureDraft(place.channel_id, metric.id, on, _share(text) if is_rate else text.strip(), note)
            record = partial(commands.record_figure, shared.engine(), draft, day, user.current(), seen.get(str(on)))
            _carry_out(place, "figure", record, str(on))
    if not rows.is_empty():
        unit = 100 if is_rate else 1
        st.dataframe(
            rows.select("day", value=pl.col("value").cast(pl.Float64) * unit, note="note"),
            hide_index=True,
            column_config={
                "day": "As of",
                "value": st.column_config.NumberColumn("It says (%)" if is_rate else "It says", format="%.2f"),
                "note": "Note",
            },
            alt="What the marketplace said",
        )
        _changes(place, "recorded_figure", int(rows["figure_id"][0]), can_change)


def _stored(rows: pl.DataFrame, place: _Place) -> dict[str, Any] | None:
    stored = rows.filter((pl.col("channel_id") == place.channel_id) & (pl.col("metric_id") == place.metric.id))
    return None if stored.is_empty() else stored.row(0, named=True)


def _percent(share: object) -> str:
    """A share as percent, without needless zeros; empty for none."""
    return "" if share is None else f"{(Decimal(str(share)) * 100).normalize():f}"


def _share(text: str) -> str:
    """Percent as typed, as a share; as typed if it is no number, for the command to refuse."""
    try:
        return f"{Decimal(text.strip().removesuffix('%').strip().replace(',', '.')) / 100:f}"
    except InvalidOperation:
        return text.strip()


def _carry_out(place: _Place, form: str, command: Callable[[], object], thing: str = "") -> None:
    """Run a command and draw the page again. `thing`: whose version the person has seen, once told that another changed it."""
    refusals = place.key(f"{form}.refused")

    def run() -> str:
        command()
        return _SAVED

    def saved() -> None:
        st.session_state[f"{place.page}.round"] = place.round + 1

    def refused(refusal: Refused) -> bool:
        st.session_state[refusals] = list(refusal.problems[0].values())
        return True

    def conflict(changed: ChangedMeanwhile) -> str:
        st.session_state.pop(refusals, None)
        versions = {thing: changed.version} if changed.version is not None else {}
        known = {one: version for one, version in place.seen(form, {}).items() if one != thing}
        st.session_state[place.key(f"{form}.seen")] = known | versions
        now = _in_words(json.dumps(dict(changed.now), default=str)) if changed.now else "gone"
        return f"{changed} It is now: {now}. What you typed is kept: save again to overwrite that."

    act(place.page, run, saved=saved, refused=refused, conflict=conflict)


def _refusals(place: _Place, form: str) -> None:
    for sentence in st.session_state.get(place.key(f"{form}.refused"), []):
        st.error(words.plain(sentence), icon=":material/error:")


def _changes(place: _Place, entity: str, thing_id: object, can_change: bool) -> None:
    if thing_id is None:
        return
    what = "setting" if entity == "metric_setting" else "figure"
    button = place.key(f"{what}.undo") if can_change else None
    audit_id = records.changes(shared.history(entity, int(str(thing_id))), what, _in_words, button)
    if audit_id is not None:
        _carry_out(place, what, lambda: commands.undo(shared.engine(), entity, audit_id, user.current()))


def _in_words(text: str | None) -> str:
    """The values of a setting or a figure as one line."""
    if text is None:
        return "—"
    values = json.loads(text)
    if "day" in values:
        return f"{values['value']} as of {values['day']}"
    target = "" if values["target"] is None else f", target {_percent(values['target'])} %"
    return f"{'judged' if values['is_on'] else 'not judged'}{target}"
