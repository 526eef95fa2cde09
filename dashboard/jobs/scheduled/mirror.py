"""The mirror of history follows the store even while nobody looks at a page."""

from datetime import timedelta
from typing import Final

from dashboard.jobs.registry import JobContext, ScheduledJob


def run(context: JobContext) -> str:
    """Catch the mirror up, and count what scorecards are read from."""
    from dashboard.jobs.scorecards import count_all
    from data_access.mirror.writing import catch_up

    folder = context.settings.mirror_dir
    done = catch_up(context.engine, folder)
    count_all(context.engine, folder, done)
    if done.is_rebuilt:
        return "The whole history was read."
    return f"{len(done.orders):,} changed orders were read." if done.orders else "Nothing had changed."


JOB: Final = ScheduledJob(
    name="mirror",
    title="Mirror of history",
    about="Brings the history that scorecards and forecasts read up to date.",
    schedule="*/15 * * * *",
    make_up_within=timedelta(hours=1),
    run=run,
)
