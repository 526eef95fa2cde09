"""The record of forecast runs: begun by a person, ended by the job. Their files are those of `data_access.forecasts`."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import RowIds, now_us, retrying, writing
from data_access.errors import InvalidInput
from data_access.schema.audit import audit_entry
from data_access.schema.demand import forecast_run
from data_access.write.audit import entry
from data_access.write.audited_edits import transact
from data_access.write.unit_of_work import raise_versions

LONGEST: Final = 365
"""Days ahead at most."""


@dataclass(frozen=True, slots=True)
class RunDraft:
    """A run as a person wants it. `last_on`: the last day of history; `horizon`: days ahead; `seed`: of all that is drawn."""

    last_on: date
    horizon: int = 56
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RunTold:
    """What a run tells of itself when it has finished; the columns of `forecast_run`."""

    inputs_version: str
    learned_by: int
    reason: str
    series: int
    fell_back: int


def begin(engine: Engine, draft: RunDraft, today: date, actor: str) -> int:
    """Begin a run, or go on with the same one that was interrupted; its id. Another that was interrupted is left for good.

    Raises:
        Forbidden: the actor may not run forecasts.
        InvalidInput: the last day is not over yet, or the horizon is too short or long.

    """
    if draft.last_on >= today:
        raise InvalidInput(f"The day {draft.last_on.isoformat()} is not over everywhere: let the history end before {today.isoformat()}.")
    if not 1 <= draft.horizon <= LONGEST:
        raise InvalidInput(f"A forecast of {draft.horizon:,} days ahead cannot be made: choose 1 to {LONGEST}.")

    def work(connection: Connection, ids: RowIds) -> int:
        c, wanted = forecast_run.c, {**asdict(draft), "last_on": draft.last_on.isoformat()}
        running = connection.execute(sa.select(c.id, c.last_on, c.horizon, c.seed).where(c.state == "running").with_for_update()).all()
        for row in running:
            if {"last_on": row.last_on, "horizon": row.horizon, "seed": row.seed} == wanted:
                return int(row.id)
        left = [int(row.id) for row in running]
        if left:
            connection.execute(sa.update(forecast_run).where(c.id.in_(left)).values(state="left", finished_at=now_us()))
        run_id = ids.take()
        connection.execute(sa.insert(forecast_run).values(id=run_id, state="running", asked_by=actor, asked_at=now_us(), **wanted))
        connection.execute(sa.insert(audit_entry).values(entry(ids, actor, "run_forecast", "forecast_run", run_id, None, wanted, None)))
        raise_versions(connection, {"demand": [("forecast_run", str(one)) for one in (*left, run_id)]})
        return run_id

    return transact(engine, actor, "run forecasts", 2, work)


def finish(engine: Engine, run_id: int, told: RunTold) -> None:
    """Make a run visible: its files are all there."""
    _end(engine, run_id, {"state": "finished", **asdict(told)})


def fail(engine: Engine, run_id: int, problem: str) -> None:
    """Say that a run will not finish, and why."""
    _end(engine, run_id, {"state": "failed", "problem": problem})


def _end(engine: Engine, run_id: int, values: dict[str, Any]) -> None:
    for attempt in retrying():
        with attempt, writing(engine) as connection:
            mine = sa.and_(forecast_run.c.id == run_id, forecast_run.c.state == "running")
            if connection.execute(sa.update(forecast_run).where(mine).values(finished_at=now_us(), **values)).rowcount:
                raise_versions(connection, {"demand": [("forecast_run", str(run_id))]})
