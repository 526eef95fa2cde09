"""When jobs are due."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from dashboard.jobs.registry import ScheduledJob


def last_due(job: ScheduledJob, now: datetime) -> datetime:
    """The newest moment at or before `now` at which the job was due, in UTC."""
    # with a fraction of a second, the very second of `now` counts too
    return _at(CronSim(job.schedule, _local(job, now.replace(microsecond=1)), reverse=True))


def next_due(job: ScheduledJob, now: datetime) -> datetime:
    """The first moment after `now` at which the job is due, in UTC."""
    return _at(CronSim(job.schedule, _local(job, now)))


def in_words(job: ScheduledJob) -> str:
    """The schedule as people read it: "At 03:15 every day (UTC)"."""
    minutes = re.fullmatch(r"\*/(\d+) \* \* \* \*", job.schedule)
    text = f"Every {minutes[1]} minutes" if minutes else CronSim(job.schedule, datetime.now(UTC)).explain()
    return f"{text} ({job.zone})"


def _local(job: ScheduledJob, moment: datetime) -> datetime:
    return moment.astimezone(UTC if job.zone == "UTC" else ZoneInfo(job.zone))


def _at(moments: CronSim) -> datetime:
    return next(moments).astimezone(UTC)
