"""Jobs: what runs by itself, how it went, when it is next, and running it now."""

from functools import partial

import streamlit as st

from dashboard.jobs import job_start
from dashboard.jobs_page import reads, tables
from dashboard.settings import settings
from dashboard.shell import filters, header, said, user
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from dashboard.shell.filters import Filter

PAGE = "jobs"


def started(name: str, title: str) -> str:
    """The command for a job that a person wants to run now; what to say of it."""
    job_start.start(settings(), shared.engine(), name, user.current())
    return f"{title} is running. Its result shows here when it is done."


header.show("Did the scheduled jobs run?", watches=("jobs",))
said.show(PAGE)
jobs = reads.jobs()
titles = dict(jobs.select("job", "title").iter_rows())
with st.container():
    tables.problems(jobs)
tables.table(jobs)
st.caption(f"Jobs run by themselves while OnHand is started with `onhand run`. Times are in {tables.zone()}.")

st.subheader("Runs", anchor=False)
with st.container():  # one place, whether it says more or less
    may = user.choose("run jobs")
filters.hold(Filter("job", titles))
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    job: str | None = st.selectbox(
        "Job",
        list(titles),
        index=None,
        format_func=titles.__getitem__,
        key="job",
        placeholder="All jobs",
        width=280,
    )
    is_running = not jobs.filter(job=job or "", status="running").is_empty()
    is_wanted = st.button(
        "Run now",
        icon=":material/play_arrow:",
        disabled=not may or job is None or is_running,
        help="Choose a job first." if job is None else None,
        key="jobs.run",
    )
tables.history(reads.runs(job), titles)
if is_wanted and job is not None:
    act(PAGE, partial(started, job, titles[job]))
