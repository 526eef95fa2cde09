"""Demand: what will sell by channel, category and SKU, how sure that is, and the forecasts themselves."""

import streamlit as st

from dashboard import cache
from dashboard.demand import node as demand
from dashboard.demand import runs as demand_runs
from dashboard.jobs import forecast_start
from dashboard.settings import settings
from dashboard.shell import empty, errors, header, said, user, words
from data_access.errors import OnHandError, StoreUnavailable

PAGE = "demand"

header.show("What will sell, and how sure are we?", watches=("catalog", "channels", "demand"))
if cache.store_info().is_empty:
    empty.empty_store()
    st.stop()
runs = cache.forecast_runs()
run, problem = None, ""
try:
    run = cache.forecast()
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
    with errors.caught():
        try:
            run_id = forecast_start.start(settings(), cache.engine(), draft, user.current())
            said.keep(PAGE, f"Forecast {run_id} is being made. The page shows it when it is there.")
        except OnHandError as error:
            said.keep(PAGE, str(error), is_warning=True)
        st.rerun()
