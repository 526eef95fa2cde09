"""The `onhand` command: one module per group of sub-commands. Each body imports what it needs, so that `onhand --help` is quick."""

import os

import typer

from dashboard.cli import forecast, imports, inbox, jobs, mirror, returns, scorecard, serving, store, users
from dashboard.cli.failures import one_sentence

__all__ = ["app", "main"]

app = typer.Typer(
    name="onhand",
    help="Live stock by channel and location, from your own store or a demo company's.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in (
    store.demo,
    serving.live,
    serving.serve,
    serving.run,
    store.migrate,
    store.restore,
    store.verify,
    mirror.mirror,
    scorecard.scorecard,
    returns.returns,
):
    app.command()(_command)
for _name, _group in (
    ("import", imports.app),
    ("forecast", forecast.app),
    ("inbox", inbox.app),
    ("jobs", jobs.app),
    ("users", users.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """Entry of the `onhand` command: what a person can cause is one sentence on stderr and exit code 2."""
    os.umask(0o077)  # what it and its children make is its owner's alone
    with one_sentence():
        app()
