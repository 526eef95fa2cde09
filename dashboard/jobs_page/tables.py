"""The jobs and their runs as the page draws them. Times are those of the viewer's clock."""

from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import streamlit as st

from dashboard.shell import empty, words
from data_access.queries.jobs import FAILURE_DAYS

STATUSES: Final = {"running": "◷ Running", "done": "✓ Done", "failed": "✕ Failed", "missed": "○ Missed"}
_IS_MISSED: Final = (pl.col("status") == "missed").fill_null(value=False)
_JOBS: Final[dict[str, Any]] = {
    "title": st.column_config.TextColumn("Job", pinned=True),
    "result": "Last result",
    "last": "Last run",
    "seconds": st.column_config.NumberColumn("Duration (s)", format="%.1f"),
    "next": "Next run",
    "failures": st.column_config.NumberColumn("Failures", format="%d", help=f"Of the runs that ended in the last {FAILURE_DAYS} days."),
    "runs": st.column_config.NumberColumn("Runs", format="%d", help=f"That ended in the last {FAILURE_DAYS} days."),
    "schedule": st.column_config.TextColumn("Schedule", width="medium"),
    "about": st.column_config.TextColumn("What it does", width="large"),
}
_RUNS: Final[dict[str, Any]] = {
    "title": st.column_config.TextColumn("Job", pinned=True),
    "due": "Due",
    "started": "Started",
    "result": "Result",
    "seconds": st.column_config.NumberColumn("Duration (s)", format="%.1f"),
    "by": "Started by",
    "message": st.column_config.TextColumn("What happened", width="large"),
}


def zone() -> str:
    """The time zone of whoever looks; UTC where the browser names none that is known."""
    name = st.context.timezone or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
    return name


def problems(jobs: pl.DataFrame) -> None:
    """Say which jobs failed or were missed the last time, and why. `jobs`: `listing.JOBS`."""
    for row in jobs.filter(pl.col("status").is_in(["failed", "missed"])).iter_rows(named=True):
        is_failed = row["status"] == "failed"
        at = row["started_at"] if is_failed else row["scheduled_for"]
        when = at.astimezone(ZoneInfo(zone())).strftime("%Y-%m-%d %H:%M")
        sentence = f"**{words.plain(row['title'])}** {'failed' if is_failed else 'was missed'} at {when}: {words.plain(row['message'])}"
        if is_failed:
            st.error(sentence, icon=":material/error:")
        else:
            st.warning(sentence, icon=":material/schedule:")
    if jobs["started_at"].is_not_null().any() and not jobs["status"].is_in(["failed", "missed"]).any():
        empty.all_well("No job failed or was missed the last time it was due.")


def table(jobs: pl.DataFrame) -> None:
    """Draw one row per job."""
    shown = jobs.with_columns(
        _at(pl.when(_IS_MISSED).then("scheduled_for").otherwise("started_at"), "last"),
        _at(pl.col("next_due"), "next"),
        _seconds(),
        result=pl.col("status").replace_strict(STATUSES, default=None).fill_null("Not run yet"),
    )
    st.container(key="jobs-table").dataframe(
        shown.select(list(_JOBS)),
        hide_index=True,
        column_config=_JOBS,
        placeholder="—",
        alt="All jobs, with their last and next run",
    )


def history(runs: pl.DataFrame, titles: dict[str, str]) -> None:
    """Draw `queries.jobs.RUNS`, the newest first. `titles` of jobs by name; one that is not there any more goes by its name."""
    if runs.is_empty():
        st.caption("No runs yet.")
        return
    shown = runs.with_columns(
        _at(pl.col("scheduled_for"), "due"),
        _at(pl.when(~_IS_MISSED).then("started_at"), "started"),
        _seconds(),
        title=pl.col("job").replace(titles),
        result=pl.col("status").replace_strict(STATUSES),
        by=pl.Series([words.actor(one) for one in runs["asked_by"]], dtype=pl.String),
    )
    st.container(key="jobs-history").dataframe(
        shown.select(list(_RUNS)), hide_index=True, column_config=_RUNS, placeholder="—", alt="Runs of jobs, the newest first"
    )


def _at(moment: pl.Expr, name: str) -> pl.Expr:
    return moment.dt.convert_time_zone(zone()).dt.strftime("%Y-%m-%d %H:%M").alias(name)


def _seconds() -> pl.Expr:
    took = (pl.col("ended_at") - pl.col("started_at")).dt.total_milliseconds() / 1_000
    return pl.when(~_IS_MISSED).then(took).alias("seconds")
