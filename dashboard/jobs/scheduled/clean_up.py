"""Every night, what nobody will read again is deleted."""

from datetime import timedelta
from typing import Final

from dashboard.jobs.registry import JobContext, ScheduledJob
from data_access.engine import now_us

RUN_DAYS: Final = 90
"""Days that runs of jobs are kept."""


def run(context: JobContext) -> str:
    """Trim the change log, the record of jobs, the files of forecasts that came to nothing, and those dropped a day ago to be imported."""
    from dashboard.imports.dropped import forget_old
    from data_access.commands.jobs import forget_runs
    from data_access.forecasts.clean_up import remove_unfinished
    from data_access.queries import forecasts
    from data_access.store.change_log import trim_change_log

    forget_old(context.settings.imports_dir)
    changes = trim_change_log(context.engine)
    runs = forget_runs(context.engine, now_us() - RUN_DAYS * 86_400_000_000)
    folders = remove_unfinished(context.settings.forecasts_dir, forecasts.runs(context.engine))
    return f"Deleted: {changes:,} entries of the change log, {runs:,} old runs of jobs, the files of {folders:,} unfinished forecasts."


JOB: Final = ScheduledJob(
    name="clean_up",
    title="Clean-up",
    about="Deletes old entries of the change log and of this page, and files of forecasts that were not finished.",
    schedule="10 3 * * *",
    make_up_within=timedelta(hours=20),
    run=run,
)
