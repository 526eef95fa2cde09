"""The runs of the forecast: which one is shown, how far a running one is, the list of all, and the start of a new one."""

from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.demand import figures as demand_figures
from dashboard.demand import reads
from dashboard.jobs import forecast_start
from dashboard.jobs.forecast_models import FIRST_TRAINING
from dashboard.settings import settings
from dashboard.shell import errors, late, links, user, words
from dashboard.shell import reads as shared
from data_access.commands.forecasts import RunDraft
from data_access.forecasts import files

OLD_DAYS: Final = 2
"""A forecast that knows no later day than so many days ago is old: a day is over in all time zones only well into the next."""

STAGES: Final = {
    "": "starting",
    "history": "reading the history",
    "training": "training the models, and trying them on the past",
    "series": "forecasting each SKU on each channel",
    "writing": "making all levels add up",
}
STATES: Final = {"running": "◷ Running", "finished": "✓ Finished", "failed": "✕ Failed", "left": "○ Superseded"}
_INTERRUPTED: Final = "◌ Interrupted"
_COLUMNS: Final[dict[str, Any]] = {
    "run_id": st.column_config.NumberColumn("Forecast", format="%d", pinned=True),
    "state": "State",
    "asked_by": "Started by",
    "asked_at": st.column_config.DatetimeColumn("Started (UTC)", format="YYYY-MM-DD HH:mm"),
    "took": st.column_config.NumberColumn("Duration (min)", format="%.1f"),
    "last_on": st.column_config.DateColumn("History up to", format="YYYY-MM-DD"),
    "horizon": st.column_config.NumberColumn("Days ahead", format="%d"),
    "series": st.column_config.NumberColumn("SKU x channel series", format="localized"),
    "fell_back": st.column_config.NumberColumn("Fell back to average", format="localized", help="Series that could not be forecast."),
    "models": st.column_config.TextColumn("Models", width="medium"),
    "problem": st.column_config.TextColumn("Problem", width="medium"),
}


def standing(runs: pl.DataFrame) -> None:
    """Say which forecast is shown, whether it is old, and how far a running one is. `runs`: `queries.forecasts.RUNS`."""
    shown = runs.filter(pl.col("state") == "finished").head(1)
    with st.container():
        for row in shown.iter_rows(named=True):
            st.caption(words.plain(summary(row)))
            if (_today() - row["last_on"]).days > OLD_DAYS:
                since = demand_figures.known_since(row["last_on"], _today())
                st.warning(
                    f"This forecast knows the history up to {row['last_on']}, {since}: start a new one below.", icon=":material/history:"
                )
    with st.container():
        newest = runs.head(1)
        if not newest.is_empty() and newest["state"][0] == "failed":
            st.error(f"Forecast {newest['run_id'][0]} failed: {words.plain(newest['problem'][0])}", icon=":material/error:")
        for run_id in runs.filter(pl.col("state") == "running")["run_id"].head(1):
            _progress(run_id, is_on(run_id))


def summary(row: dict[str, Any]) -> str:
    """A finished run in a sentence: its history, its models, who asked for it."""
    since = demand_figures.known_since(row["last_on"], _today())
    by = words.actor(row["asked_by"])
    return f"Forecast {row['run_id']}, from the history up to {row['last_on']} ({since}); {models(row)}. Started by {by}."


def models(row: dict[str, Any]) -> str:
    """Which models a finished run used, and why."""
    if row["learned_by"] is None:
        return ""
    if row["learned_by"] == row["run_id"]:
        return row["reason"] if row["reason"] == FIRST_TRAINING else f"models trained again: {row['reason']}"
    return f"models of forecast {row['learned_by']}, {row['reason']}"


def is_on(run_id: int) -> bool:
    """Whether a process is at work on a run that is marked as running."""
    return forecast_start.is_on(settings().forecasts_dir, run_id)


@st.fragment(run_every=1.0)
@errors.guarded
def _progress(run_id: int, was_on: bool) -> None:
    """How far a run is. When it ends, the topic's version moves, and the page runs again."""
    late.restore(links.PARAMETERS)
    stage, share = files.progress(settings().forecasts_dir, run_id)
    on = is_on(run_id)
    if not on:
        now = reads.forecast_run(run_id)
        if not now.is_empty() and now["state"][0] != "running":
            share, stage, on = 1.0, "writing", was_on
    if on != was_on:
        st.rerun()
    if on:
        doing = words.plain(STAGES.get(stage, stage))
        st.progress(share, f"Forecast {run_id} is being made, {share:.0%}: {doing}. You may leave this page.")
        return
    words_left = forecast_start.last_words(settings().forecasts_dir, run_id)
    ended = f" Its last message: “{words.plain(words_left)}”" if words_left else ""
    st.warning(
        f"Forecast {run_id} was interrupted: start it again below, it continues where it stopped.{ended}", icon=":material/pause_circle:"
    )


def first() -> None:
    """There is no forecast yet: what one is, and how long it takes."""
    with st.container(border=True):
        st.subheader("There is no forecast yet", anchor=False)
        st.markdown(
            "A forecast says how many units will be ordered on each of the next 56 days: of everything, by channel, by category, of "
            "each SKU, and of each SKU on each channel, with intervals that say how sure that is. It learns from two years of orders, "
            "leaves out days without stock, knows promotions, and is tried on the past before it is shown.\n\nThe first one trains all "
            "models: minutes for a few hundred SKUs, longer the more there are. Later ones train again once a week. It is made beside the "
            "app, so the pages go on meanwhile."
        )


def ask(runs: pl.DataFrame) -> RunDraft | None:
    """Draw who may start a forecast, the start of one, and the list of all; the draft that a person started."""
    st.subheader("Forecasts", anchor=False)
    with st.container():  # one place, whether it says more or less
        may = user.choose("run forecasts")
    running = runs.filter(pl.col("state") == "running").head(1)
    on = not running.is_empty() and is_on(int(running["run_id"][0]))
    draft: RunDraft | None = None
    with st.container(horizontal=True, gap="small"):
        is_left = not running.is_empty() and not on
        if is_left and st.button("Start it again", type="primary", icon=":material/resume:", disabled=not may, key="demand.resume"):
            draft = RunDraft(*running.select("last_on", "horizon", "seed").row(0))
        if st.button("Start a forecast", icon=":material/play_arrow:", disabled=not may or on, key="demand.start"):
            draft = forecast_start.next_draft(shared.engine())
    if not runs.is_empty():
        _table(runs, on)
    return draft


def _table(runs: pl.DataFrame, on: bool) -> None:
    shown = runs.select(
        "run_id",
        pl.col("state").replace(STATES if on else {**STATES, "running": _INTERRUPTED}),
        pl.Series("asked_by", [words.actor(one) for one in runs["asked_by"]], dtype=pl.String),
        *("asked_at", "finished_at", "last_on", "horizon", "series", "fell_back", "problem"),
        models=pl.Series([models(row) or None for row in runs.iter_rows(named=True)], dtype=pl.String),
    )
    minutes = (pl.col("finished_at") - pl.col("asked_at")).dt.total_seconds() / 60
    shown = shown.with_columns(pl.col("asked_at").dt.replace_time_zone(None), took=minutes).select(list(_COLUMNS))
    st.container(key="demand-runs").dataframe(
        shown,
        hide_index=True,
        column_config=_COLUMNS,
        placeholder="—",
        alt="All forecasts, the newest first",
    )


def _today() -> date:
    return datetime.now(UTC).date()
