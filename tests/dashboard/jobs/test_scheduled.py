"""What each job does with a real store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from dashboard.jobs.registry import JobContext, job
from dashboard.settings import Settings
from data_access.commands.forecasts import RunDraft, begin, fail
from data_access.commands.jobs import SCHEDULE, claim, end
from data_access.engine import now_us, writing
from data_access.errors import OnHandError
from data_access.forecasts.files import RunFolder
from data_access.queries import forecasts
from data_access.schema.jobs import job_run
from data_access.schema.orders import order_line
from data_access.schema.stock import stock_level
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import table

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def run(store: Engine, folder: Path, name: str) -> str:
    """Do what a job does."""
    settings = Settings(database_url=str(store.url), var_dir=folder / "var")
    return job(name).run(JobContext(engine=store, settings=settings, actor=SCHEDULE))


def test_the_mirror_follows_the_store(demo_store: Engine, tmp_path: Path) -> None:
    assert run(demo_store, tmp_path, "mirror") == "The whole history was read."
    assert run(demo_store, tmp_path, "mirror") == "Nothing had changed."


def test_verification_fails_where_there_are_differences(demo_store: Engine, tmp_path: Path) -> None:
    run(demo_store, tmp_path, "mirror")
    message = run(demo_store, tmp_path, "verification")
    assert message.startswith("No differences in ")
    assert message.endswith(" rows.")
    with writing(demo_store) as connection:
        first = connection.execute(sa.select(sa.func.min(stock_level.c.sku))).scalar_one()
        changed = sa.update(stock_level).where(stock_level.c.sku == first).values(on_hand=stock_level.c.on_hand + 1)
        count = connection.execute(changed).rowcount
    with pytest.raises(OnHandError, match=f"^{count} differences between figures and the facts behind them: `onhand verify` lists them.$"):
        run(demo_store, tmp_path, "verification")


def test_a_forecast_needs_history(store: Engine, tmp_path: Path) -> None:
    assert not job("forecast").is_needed_at_start(store)
    assert run(store, tmp_path, "forecast") == "Nothing to do: a forecast needs 56 days of orders."
    assert forecasts.runs(store).is_empty()


def test_a_forecast_is_needed_while_there_is_none_and_made_once_for_a_history(demo_store: Engine, tmp_path: Path) -> None:
    needed = job("forecast").is_needed_at_start
    assert needed(demo_store)
    run_id = begin(demo_store, RunDraft(YESTERDAY), datetime.now(UTC).date(), COMMAND_LINE)
    assert needed(demo_store)
    with writing(demo_store) as connection:
        connection.exec_driver_sql(f"update forecast_run set state = 'finished' where id = {run_id}")
    assert not needed(demo_store)
    sentence = run(demo_store, tmp_path, "forecast")
    assert sentence.startswith("Nothing to do: there is a forecast that knows the history up to 20")
    with writing(demo_store) as connection:
        connection.execute(sa.update(order_line).values(placed_at=now_us()))
        connection.exec_driver_sql("delete from forecast_run")
    assert not needed(demo_store)


def test_clean_up_deletes_what_nobody_reads_again(demo_store: Engine, tmp_path: Path) -> None:
    root = tmp_path / "var" / "forecasts"
    failed = begin(demo_store, RunDraft(YESTERDAY), datetime.now(UTC).date(), COMMAND_LINE)
    fail(demo_store, failed, "There was no memory left.")
    foreign = begin(demo_store, RunDraft(YESTERDAY, seed=1), datetime.now(UTC).date(), COMMAND_LINE)
    fail(demo_store, foreign, "There was no memory left.")
    on = begin(demo_store, RunDraft(YESTERDAY, seed=2), datetime.now(UTC).date(), COMMAND_LINE)
    for run_id in (failed, on):
        RunFolder(root, run_id).own(forecasts.run(demo_store, run_id)["asked_at"][0])
    RunFolder(root, foreign).make()
    (RunFolder(root, foreign).path / "asked.json").write_text(json.dumps({"asked_at": "2020-01-01T00:00:00+00:00"}))
    for number in range(2):
        job_run_id = claim(demo_store, "mirror", number + 1)
        assert job_run_id is not None
        end(demo_store, job_run_id, "done", "Did it.")
    with writing(demo_store) as connection:
        connection.execute(sa.update(job_run).where(job_run.c.scheduled_for == 1).values(ended_at=now_us() - 91 * 86_400_000_000))
        connection.exec_driver_sql("insert into change_log values ('stock', 900, 'sku', 'A', 1)")
    message = run(demo_store, tmp_path, "clean_up")
    assert message.endswith("entries of the change log, 1 old runs of jobs, the files of 1 unfinished forecasts.")
    assert not RunFolder(root, failed).path.exists()
    assert RunFolder(root, foreign).path.exists()
    assert RunFolder(root, on).path.exists()
    assert table(demo_store, "select scheduled_for from job_run") == [(2,)]
    assert table(demo_store, "select count(*) from change_log where version = 900") == [(0,)]
