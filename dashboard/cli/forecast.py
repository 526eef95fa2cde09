"""`onhand forecast`: runs of the demand forecast, and back-tests."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit, today, typist

if TYPE_CHECKING:
    from data_access.commands.forecasts import RunSummary

app = typer.Typer(no_args_is_help=True, help="Forecast demand, and measure the accuracy of past forecasts.")

LastDay = Annotated[
    datetime | None,
    typer.Option(
        "--last", formats=["%Y-%m-%d"], help="Last day of the history; the last that is known whole by default.", show_default=False
    ),
]
Horizon = Annotated[int, typer.Option(min=1, max=365, help="Days ahead.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed and history make the same forecast.")]


@app.command("run")
def forecast_run(
    last: LastDay = None,
    horizon: Horizon = 56,
    seed: Seed = 0,
    run_id: Annotated[int | None, typer.Option("--run", help="Go on with this run, which was begun already.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Forecast the demand of everything from the store's history. One that was interrupted goes on where it was."""
    from dashboard.jobs.forecast_run import last_day, make
    from dashboard.settings import settings
    from data_access.commands.forecasts import RunDraft, begin

    with current_store() as engine, bar("Forecasting") as progress:
        if run_id is None:
            draft = RunDraft(last_day(engine) if last is None else last.date(), horizon, seed)
            run_id = begin(engine, draft, today(), typist())
        outcome = make(engine, settings().mirror_dir, settings().forecasts_dir, run_id, progress)
    emit({"run": run_id, **asdict(outcome)}, _outcome_lines(run_id, outcome), as_json)


def _outcome_lines(run_id: int, outcome: "RunSummary") -> Iterator[str]:
    trained = f"Models were trained ({outcome.reason})" if outcome.learned_by == run_id else f"Models were not trained ({outcome.reason})"
    back = f"; {outcome.fell_back:,} of them could not be forecast and fell back to their average" if outcome.fell_back else ""
    yield f"Forecast {run_id} is there: {outcome.series:,} SKU x channel series{back}. {trained}."


@app.command("backtest")
def forecast_backtest(last: LastDay = None, horizon: Horizon = 56, seed: Seed = 0, as_json: Json = False) -> None:
    """How far forecasts of the last weeks would have been off, made from what was known before them. Nothing is kept."""
    from dashboard.jobs.forecast_run import backtest, last_day
    from dashboard.settings import settings

    with current_store() as engine, bar("Forecasting the past") as progress:
        day = last_day(engine) if last is None else last.date()
        errors = backtest(engine, settings().mirror_dir, day, horizon, seed, progress)
    emit(errors.to_dicts(), map(_error_line, errors.iter_rows(named=True)), as_json)


def _error_line(row: dict[str, Any]) -> str:
    return (
        f"{row['level']}, known up to {row['cutoff']}: {row['mean']:,.0f} units forecast, {row['y']:,.0f} actual "
        f"({row['bias']:+.1%}); absolute error {row['wape']:.1%} of units; the 80 % interval held {row['inside_80']:.1%} of days "
        f"({row['series']:,} series)"
    )
