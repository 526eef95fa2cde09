"""The demand forecast, every night; the first one as soon as a store with enough history is served."""

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from dashboard.jobs.registry import JobContext, ScheduledJob
from data_access.engine import now_us, reading
from data_access.schema.demand import forecast_run
from data_access.schema.orders import order_line

LEAST_DAYS: Final = 56
"""Days since the first order from which a forecast is made without being asked for: before, there is too little to learn from."""


def run(context: JobContext) -> str:
    """Forecast from all of the history that is over everywhere, if the newest forecast does not know it already."""
    from dashboard.jobs.forecast_run import make
    from dashboard.jobs.forecast_start import next_draft
    from data_access.commands.forecasts import begin
    from data_access.forecasts.files import is_running

    engine, settings = context.engine, context.settings
    if not _has_history(engine):
        return f"Nothing to do: a forecast needs {LEAST_DAYS} days of orders."
    if is_running(settings.forecasts_dir):
        return "Nothing to do: a forecast was being made already."
    draft = next_draft(engine)
    if _is_known(engine, draft.last_on.isoformat()):
        return f"Nothing to do: there is a forecast that knows the history up to {draft.last_on.isoformat()}."
    run_id = begin(engine, draft, datetime.now(UTC).date(), context.actor)
    outcome = make(engine, settings.mirror_dir, settings.forecasts_dir, run_id)
    return f"Forecast {run_id} was made: {outcome.series:,} SKU x channel series, history up to {draft.last_on.isoformat()}."


def is_needed_at_start(engine: Engine) -> bool:
    """Whether there is no forecast yet, and enough history for one."""
    with reading(engine) as connection:
        finished = sa.select(forecast_run.c.id).where(forecast_run.c.state == "finished").limit(1)
        has_forecast = connection.execute(finished).first() is not None
    return not has_forecast and _has_history(engine)


def _has_history(engine: Engine) -> bool:
    with reading(engine) as connection:
        first = connection.execute(sa.select(sa.func.min(order_line.c.placed_at))).scalar_one()
    return first is not None and first <= now_us() - LEAST_DAYS * 86_400_000_000


def _is_known(engine: Engine, last_on: str) -> bool:
    with reading(engine) as connection:
        c = forecast_run.c
        return connection.execute(sa.select(c.id).where(c.state == "finished", c.last_on >= last_on).limit(1)).first() is not None


JOB: Final = ScheduledJob(
    name="forecast",
    title="Demand forecast",
    about="Forecasts the next 56 days of demand from all orders so far.",
    schedule="20 0 * * *",
    make_up_within=timedelta(hours=20),
    run=run,
    is_needed_at_start=is_needed_at_start,
)
