"""The record of forecast runs: begun by a person, ended by the job. Their files are those of `data_access.forecasts`."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import now_us
from data_access.errors import InvalidInput
from data_access.schema.demand import forecast_run
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import Unit

LONGEST: Final = 365
"""Days ahead at most."""


@dataclass(frozen=True, slots=True)
class RunDraft:
    """A run as a person wants it. `last_on`: the last day of history; `horizon`: days ahead; `seed`: of all that is drawn."""

    last_on: date
    horizon: int = 56
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run says of itself when it has finished; the columns of `forecast_run`."""

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

    def edit(unit: Unit) -> int:
        connection = unit.connection
        c, wanted = forecast_run.c, {**asdict(draft), "last_on": draft.last_on.isoformat()}
        running = connection.execute(sa.select(c.id, c.last_on, c.horizon, c.seed).where(c.state == "running").with_for_update()).all()
        for row in running:
            if {"last_on": row.last_on, "horizon": row.horizon, "seed": row.seed} == wanted:
                return int(row.id)
        left = [int(row.id) for row in running]
        if left:
            connection.execute(sa.update(forecast_run).where(c.id.in_(left)).values(state="left", finished_at=now_us()))
        run_id = unit.ids.take()
        connection.execute(sa.insert(forecast_run).values(id=run_id, state="running", asked_by=actor, asked_at=now_us(), **wanted))
        unit.audit("run_forecast", ("forecast_run", run_id), None, wanted)
        for changed in (*left, run_id):
            unit.touch("demand", "forecast_run", changed)
        return run_id

    return work(engine, actor, "run forecasts", edit, rows=2)


def finish(engine: Engine, run_id: int, summary: RunSummary) -> None:
    """Make a run visible: its files are all there."""
    _end(engine, run_id, {"state": "finished", **asdict(summary)})


def fail(engine: Engine, run_id: int, problem: str) -> None:
    """Say that a run will not finish, and why."""
    _end(engine, run_id, {"state": "failed", "problem": problem})


def _end(engine: Engine, run_id: int, values: dict[str, Any]) -> None:
    def close(unit: Unit) -> None:
        mine = sa.and_(forecast_run.c.id == run_id, forecast_run.c.state == "running")
        if unit.connection.execute(sa.update(forecast_run).where(mine).values(finished_at=now_us(), **values)).rowcount:
            unit.touch("demand", "forecast_run", run_id)

    work(engine, SYSTEM, None, close)
