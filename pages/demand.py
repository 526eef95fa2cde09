"""Demand: what will sell by channel, category and SKU, how sure that is, and the forecasts themselves."""

from functools import partial

import streamlit as st

from dashboard.demand import node as demand
from dashboard.demand import reads
from dashboard.demand import runs as demand_runs
from dashboard.jobs import forecast_start
from dashboard.settings import settings
from dashboard.shell import empty, errors, header, said, user, words
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from data_access.commands.forecasts import RunDraft
from data_access.errors import StoreUnavailable

PAGE = "demand"


def started(draft: RunDraft) -> str:
    """The command for a forecast that a person asked for; what to say of it."""
    run_id = forecast_start.start(settings(), shared.engine(), draft, user.current())
    return f"Forecast {run_id} is being made. The page shows it when it is there."


header.show("What will sell, and how sure are we?", watches=("catalog", "channels", "demand"))
if shared.store_info().is_empty:
    empty.empty_store()
    st.stop()
runs = reads.forecast_runs()
run, problem = None, ""
try:
    run = reads.forecast()
except StoreUnavailable as error:
    problem = str(error)
if run is not None:
    demand.arrive(run)
said.show(PAGE)
demand_runs.standing(runs)
if problem:
    st.error(words.plain(problem), icon=":material/folder_off:")
elif run is None:
    demand_runs.first()
else:
    with errors.caught():
        demand.show(run, demand.choose(run))
draft = demand_runs.ask(runs)
if draft is not None:
    act(PAGE, partial(started, draft))
