"""Every night, what the store and the mirror hold is compared with the facts that it follows from."""

from datetime import timedelta
from typing import Final

from dashboard.jobs.registry import JobContext, ScheduledJob
from data_access.errors import OnHandError


def run(context: JobContext) -> str:
    """Verify the store and its mirror.

    Raises:
        OnHandError: there are differences.

    """
    from data_access.mirror.verify import verify_mirror
    from data_access.queries.verification.verify import verify

    report = verify(context.engine)
    mirrored = verify_mirror(context.engine, context.settings.mirror_dir, lambda _done, _total: None)
    differences = report.differences + (0 if mirrored is None else mirrored.differences)
    if differences:
        raise OnHandError(f"{differences:,} differences between figures and the facts behind them: `onhand verify` lists them.")
    return f"No differences in {sum(report.checked.values()) + (0 if mirrored is None else mirrored.rows):,} rows."


JOB: Final = ScheduledJob(
    name="verification",
    title="Verification",
    about="Rebuilds stock figures and the mirror of history from the facts, and compares.",
    schedule="40 1 * * *",
    make_up_within=timedelta(hours=12),
    run=run,
)
