"""The `onhand` command. Each body imports what it needs, so that `onhand --help` is quick."""

import errno
import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from data_access.errors import InvalidInput, OnHandError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from sqlalchemy.engine import Engine

    from data_access.imports.import_run import ImportResult

BAD_INPUT: Final = 2
SHOWN: Final = 50  # rows of a list
SHORT: Final = 100  # characters of a value in a list
INTERRUPTED: Final = 130  # what Typer makes of Ctrl-C
KINDS_IMPORTED: Final = ("products", "kits", "listings", "locations", "channels", "suppliers", "counts")

app = typer.Typer(
    name="onhand",
    help="Live stock by channel and location, from your own store or a demo company's.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
import_app = typer.Typer(no_args_is_help=True, help="Take in a file of your own. The same file again changes nothing.")
forecast_app = typer.Typer(no_args_is_help=True, help="Forecast demand, and say how far forecasts were off.")
inbox_app = typer.Typer(no_args_is_help=True, help="Rows and events that could not be taken in: list, map, mend, retry, dismiss.")
users_app = typer.Typer(no_args_is_help=True, help="Who may change what: list, add, role, remove.")
app.add_typer(import_app, name="import")
app.add_typer(forecast_app, name="forecast")
app.add_typer(inbox_app, name="inbox")
app.add_typer(users_app, name="users")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
File = Annotated[Path, typer.Argument(help="The file, also compressed (.gz).", show_default=False)]
LastDay = Annotated[
    datetime | None,
    typer.Option(
        "--last", formats=["%Y-%m-%d"], help="Last day of the history; the last that is known whole by default.", show_default=False
    ),
]
Horizon = Annotated[int, typer.Option(min=1, max=365, help="Days ahead.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed and history make the same forecast.")]
Items = Annotated[list[int], typer.Argument(help="Their ids, from `onhand inbox list`.", show_default=False)]
Why = Annotated[str, typer.Option(help="The reason, kept in the audit.", show_default=False)]


class Role(StrEnum):
    """What a person may do."""

    VIEWER = "viewer"
    OPS = "ops"
    PLANNER = "planner"
    MANAGER = "manager"
    ADMIN = "admin"


UserName = Annotated[str, typer.Argument(help="What the person is called, on pages and in the audit.", show_default=False)]


class DemoSize(StrEnum):
    """How big a demo company is made."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Bar:
    """A progress bar on stderr, drawn on terminals only. Call it with what is done of how much."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def bar(title: str) -> Iterator[Bar]:
    """A progress bar for what takes long."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Bar(progress, progress.add_task(title, total=None))


@contextmanager
def current_store() -> Iterator["Engine"]:
    """The store that is set, if its schema is this code's."""
    from dashboard.settings import settings
    from data_access.engine import open_engine
    from data_access.store.lifecycle import require_current

    engine = open_engine(settings().database_url)
    try:
        require_current(engine)
        yield engine
    finally:
        engine.dispose()


def say(text: str) -> None:
    """A line for the person at the terminal, at once."""
    typer.echo(text)
    sys.stdout.flush()


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def _day(text: str) -> date:
    if text == "today":
        return today()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"The day {text} cannot be read: write it as YYYY-MM-DD.") from error


@app.command()
def demo(
    size: Annotated[
        DemoSize, typer.Option(help="About 300 SKUs and 250,000 order lines, 3,000 and 1 million, or 20,000 and 10 million.")
    ] = DemoSize.SMALL,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and day make the same company.")] = 7,
    as_of: Annotated[str, typer.Option(metavar="DATE", help="Last day of its two years, YYYY-MM-DD.")] = "today",
    replace: Annotated[bool, typer.Option("--replace", help="Make a demo store that is there anew.")] = False,
) -> None:
    """Make the demo company's store: two years of history."""
    from dashboard.settings import settings
    from dashboard.stores import make_demo

    with bar("Making the demo company") as progress:
        made = make_demo(settings(), size.value, seed, _day(as_of), replace, progress)
    say(made)


@app.command()
def live(
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Events per second, for scratch stores; without it the demo's own demand.")
    ] = None,
) -> None:
    """Send the demo company's events as they happen, until Ctrl-C."""
    from dashboard.run import asked_to_stop
    from data_access.store.lifecycle import check_store

    with current_store() as engine, asked_to_stop() as stop:
        if check_store(engine).kind != "demo":
            raise InvalidInput("This store is your own, and live events are invented: set ONHAND_DATABASE_URL to a demo store.")
        from data_access.demo import live as send

        send(engine, stop, rate)


@app.command()
def serve(port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of the port that is set.")] = None) -> None:
    """Serve the pages alone, for a store that real feeds write to."""
    from dashboard.run import app_command, child_environment, require_free_port
    from dashboard.settings import settings

    used = settings().model_copy(update={} if port is None else {"port": port})
    with current_store():
        require_free_port(used.host, used.port)
    command = app_command()
    os.execve(command[0], command, child_environment(used, used.database_url))  # noqa: S606 - our own command line


@app.command()
def run(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of the port that is set.")] = None,
    demo: Annotated[bool, typer.Option(help="Make a demo company if there is no store, and send its live events.")] = True,
    size: Annotated[DemoSize, typer.Option(help="Of a demo that is made.")] = DemoSize.SMALL,
) -> None:
    """Make the store ready, then serve the pages and a demo's live events until Ctrl-C; what `make run` calls."""
    from dashboard.run import asked_to_stop, require_free_port, supervise
    from dashboard.settings import settings
    from dashboard.stores import prepare

    used = settings().model_copy(update={} if port is None else {"port": port})
    require_free_port(used.host, used.port)
    with bar("Making ready") as progress:
        url, is_live = prepare(used, demo, size.value, today(), say, progress)
    with asked_to_stop() as stop:
        code = supervise(used, url, is_live, say, stop)
    raise typer.Exit(code)


@app.command()
def migrate() -> None:
    """Bring the store to this release's schema; an empty database becomes an empty store."""
    from dashboard.settings import settings
    from dashboard.stores import shown
    from data_access.engine import open_engine
    from data_access.store.lifecycle import migrate as bring

    engine = open_engine(settings().database_url)
    try:
        revision = bring(engine)
    finally:
        engine.dispose()
    say(f"{shown(settings().database_url)} is at revision {revision}.")


@app.command()
def verify(as_json: Json = False) -> None:
    """Rebuild every projection and the mirror from the facts and print the differences; the exit code is 1 if there are any."""
    from dashboard.settings import settings
    from data_access.mirror.verify import verify_mirror
    from data_access.queries.verify import verify as rebuild

    with current_store() as engine, bar("Verifying") as progress:
        report = rebuild(engine)
        mirrored = verify_mirror(engine, settings().mirror_dir, progress)
    differences = report.differences + (0 if mirrored is None else mirrored.differences)
    if as_json:
        mirror = None if mirrored is None else asdict(mirrored)
        say(json.dumps({**asdict(report), "differences": differences, "mirror": mirror}, default=str))
    else:
        for row in [*report.rows, *([] if mirrored is None else mirrored.found)]:
            say(", ".join(f"{name} {value}" for name, value in row.items()))
        counts = report.checked if mirrored is None else {**report.checked, "mirrored rows": mirrored.rows, "day cells": mirrored.day_cells}
        checked = ", ".join(f"{count} {name}" for name, count in counts.items())
        for name in report.incomplete_imports:
            say(f"The import of {name} was stopped before its end: run it again to go on.")
        say(f"{differences} differences; checked {checked}.")
    raise typer.Exit(0 if differences == 0 else 1)


@app.command()
def mirror(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read everything anew instead of what changed.")] = False, as_json: Json = False
) -> None:
    """Bring the columnar mirror of history up to date; history pages and scorecards read it. The app does so by itself while it runs."""
    from dashboard.jobs.scorecards import count_all
    from dashboard.settings import settings
    from data_access.mirror.scan import Mirror
    from data_access.mirror.writing import catch_up

    folder = settings().mirror_dir
    with current_store() as engine, bar("Mirroring") as progress:
        done = catch_up(engine, folder, rebuild=rebuild, progress=progress)
        count_all(engine, folder, done)
    rows = {fact: Mirror(folder, done.manifest).count(fact) for fact in done.manifest.parts}
    if as_json:
        say(json.dumps({"rebuilt": done.is_rebuilt, "orders": len(done.orders), "parts": done.parts, "rows": rows, "folder": str(folder)}))
        return
    what = "Read everything anew" if done.is_rebuilt else f"{len(done.orders):,} orders had changed, {done.parts:,} files were written anew"
    say(f"{what}; the mirror in {folder} has {', '.join(f'{count:,} {fact} facts' for fact, count in rows.items())}.")


@app.command()
def scorecard(
    channel: Annotated[str | None, typer.Option(help="This channel alone, by its id.", show_default=False)] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="By what was known at the end of that day; now by default.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Each channel's metrics against their targets, from the orders up."""
    from dashboard.jobs.scorecards import scorecard as made
    from dashboard.settings import settings

    with current_store() as engine, bar("Mirroring") as progress:
        cards = made(engine, settings().mirror_dir, channel, None if as_of is None else as_of.date(), progress)
    if as_json:
        say(json.dumps(cards.to_dicts(), default=str))
        return
    for row in cards.iter_rows(named=True):
        value = "no figure" if row["value"] is None else f"{row['value']:.2%} ({row['numerator']:,} of {row['denominator']:,})"
        room = "" if row["further"] is None else f"; {row['excess']:,} too many" if row["excess"] else f"; {row['further']:,} more misses"
        say(f"{row['channel_id']}, {row['name']} ({row['window']}): {value}, target {row['target']}: {row['state']}{room}")


@forecast_app.command("run")
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
            run_id = begin(engine, draft, today(), _typist())
        told = make(engine, settings().mirror_dir, settings().forecasts_dir, run_id, progress)
    if as_json:
        say(json.dumps({"run": run_id, **asdict(told)}))
        return
    trained = f"Trained anew ({told.reason})" if told.learned_by == run_id else f"Not trained anew ({told.reason})"
    back = f"; {told.fell_back:,} of them could not be forecast and got their average" if told.fell_back else ""
    say(f"Forecast {run_id} is there: {told.series:,} SKUs on channels{back}. {trained}.")


@forecast_app.command("backtest")
def forecast_backtest(last: LastDay = None, horizon: Horizon = 56, seed: Seed = 0, as_json: Json = False) -> None:
    """How far forecasts of the last weeks would have been off, made from what was known before them. Nothing is kept."""
    from dashboard.jobs.forecast_run import backtest, last_day
    from dashboard.settings import settings

    with current_store() as engine, bar("Forecasting the past") as progress:
        day = last_day(engine) if last is None else last.date()
        found = backtest(engine, settings().mirror_dir, day, horizon, seed, progress)
    if as_json:
        say(json.dumps(found.to_dicts(), default=str))
        return
    for row in found.iter_rows(named=True):
        say(
            f"{row['level']}, known up to {row['cutoff']}: {row['y']:,.0f} units came, {row['mean']:,.0f} were expected "
            f"({row['bias']:+.1%}); absolute error {row['wape']:.1%} of units; the 80 % interval held {row['inside_80']:.1%} of days "
            f"({row['series']:,} series)"
        )


@import_app.command("orders")
def import_orders(
    file: File,
    mapping: Annotated[str, typer.Option(help="online-retail, amazon-in-sale-report, or a TOML file of your own.", show_default=False)],
    opening_stock: Annotated[
        str | None, typer.Option(metavar="cover:DAYSd", help="Assume an opening stock that ends at so many days of demand: cover:30d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Orders and their lines, by a mapping of columns."""
    from data_access.imports.order_import import import_orders as take_in

    with current_store() as engine, bar(f"Importing {file.name}") as progress:
        result = take_in(engine, file, mapping, opening_stock, progress)
    _report(result, as_json)


def _import_table(kind: str, file: Path, mapping: str | None, as_json: bool) -> None:
    from data_access.imports.table_import import import_table as take_in

    with current_store() as engine, bar(f"Importing {file.name}") as progress:
        result = take_in(engine, kind, file, mapping, progress)
    _report(result, as_json)


def _table_command(kind: str) -> None:
    def command(
        file: File,
        mapping: Annotated[str | None, typer.Option(help="A TOML file, where the columns have other names.")] = None,
        as_json: Json = False,
    ) -> None:
        _import_table(kind, file, mapping, as_json)

    helps = {
        "counts": "Stock counts: each becomes the adjustment that makes the ledger equal it.",
        "suppliers": "Suppliers with lead times.",
    }
    import_app.command(kind, help=helps.get(kind, f"The {kind} of a table; see docs/importing.md for its columns."))(command)


for _kind in KINDS_IMPORTED:
    _table_command(_kind)


def _typist() -> str:
    """Who types here, for the audit: whoever can do that may do everything."""
    from data_access.write.permissions import COMMAND_LINE

    return f"{COMMAND_LINE} ({getpass.getuser()})"


@users_app.command("list")
def users_list(as_json: Json = False) -> None:
    """Everyone who may change something; all others only look."""
    from data_access.queries.people import users

    with current_store() as engine:
        found = users(engine)
    if as_json:
        say(json.dumps(found.to_dicts(), default=str))
        return
    for row in found.iter_rows(named=True):
        say(f"{row['name']}: {row['role']}")
    if found.is_empty():
        say("There are no users: everyone only looks. Add one with `onhand users add NAME --role ops`.")


@users_app.command("add")
def users_add(name: UserName, role: Annotated[Role, typer.Option(help="What the person may do.", show_default=False)]) -> None:
    """Add a person: ops change buffers and work the inbox, planners work the inbox, managers do both, admins manage users too."""
    from data_access.commands.people import add_user

    with current_store() as engine:
        add_user(engine, name, role, _typist())
    say(f"{name.strip()} is {role}.")


@users_app.command("role")
def users_role(name: UserName, role: Annotated[Role, typer.Argument(help="What the person may do.", show_default=False)]) -> None:
    """Give a person another role."""
    from data_access.commands.people import set_role

    with current_store() as engine:
        set_role(engine, name, role, _typist())
    say(f"{name} is {role} now.")


@users_app.command("remove")
def users_remove(name: UserName) -> None:
    """Remove a person; what they did stays in the audit."""
    from data_access.commands.people import remove_user

    with current_store() as engine:
        remove_user(engine, name, _typist())
    say(f"{name} is removed.")


@inbox_app.command("list")
def inbox_list(as_json: Json = False) -> None:
    """What waits: rows and events put aside, events that wait for what they name, listings without a SKU."""
    from data_access.queries import inbox

    with current_store() as engine:
        frames = {
            "counts": inbox.counts(engine),
            "items": inbox.items(engine),
            "parked": inbox.parked(engine),
            "listings": inbox.listings_without_sku(engine),
        }
    if as_json:
        say(json.dumps({name: frame.to_dicts() for name, frame in frames.items()}, default=str))
        return
    for name, title in (
        ("counts", "Waiting"),
        ("items", "Put aside"),
        ("parked", "Events that wait"),
        ("listings", "Listings without a SKU"),
    ):
        say(f"{title}:" if frames[name].height else f"{title}: none")
        for row in frames[name].head(SHOWN).iter_rows(named=True):
            say("  " + ", ".join(f"{key} {_short(value)}" for key, value in row.items() if value is not None))


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


@inbox_app.command("export")
def inbox_export(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.", show_default=False)],
    run: Annotated[int | None, typer.Option("--import", help="Rows of this import alone; its id is in the import's report.")] = None,
) -> None:
    """Write rows put aside to a file, to be mended there and imported again."""
    from data_access.queries.inbox import export_rows

    with current_store() as engine:
        rows = export_rows(engine, run, file)
    say(f"Wrote {rows} rows to {file}.")


@inbox_app.command("mend")
def inbox_mend(
    item: Annotated[int, typer.Argument(help="Its id, from `onhand inbox list`.", show_default=False)],
    text: Annotated[str, typer.Option(help="The row or event as it should be.", show_default=False)],
    version: Annotated[int, typer.Option(help="Its version, from the list: refused if someone changed it since.", show_default=False)],
) -> None:
    """Change the text of a row or event; `retry` then takes it in."""
    from data_access.commands.inbox import mend

    with current_store() as engine:
        mend(engine, item, text, version, _typist())
    say(f"Mended {item}.")


@inbox_app.command("retry")
def inbox_retry(items: Items) -> None:
    """Take in rows and events again, mended or because what they name is there now."""
    from data_access.commands.inbox import retry

    with current_store() as engine:
        say(str(retry(engine, items, _typist())))


@inbox_app.command("dismiss")
def inbox_dismiss(
    items: Items,
    why: Why,
    parked: Annotated[bool, typer.Option("--parked", help="The ids are those of events that wait.")] = False,
) -> None:
    """Close rows or events that shall not be taken in; they are kept."""
    from data_access.commands import inbox

    with current_store() as engine:
        if parked:
            inbox.dismiss_parked(engine, items, why, _typist())
        else:
            inbox.dismiss(engine, items, why, _typist())
    say(f"Dismissed {len(items)}.")


@inbox_app.command("map")
def inbox_map(
    channel: Annotated[str, typer.Argument(help="The channel's id.", show_default=False)],
    external_sku: Annotated[str, typer.Argument(help="The listing's id on the channel.", show_default=False)],
    sku: Annotated[str, typer.Argument(help="The SKU it sells.", show_default=False)],
    why: Annotated[str | None, typer.Option(help="The reason, kept in the audit.")] = None,
) -> None:
    """Say which SKU a listing sells; the rows and events that waited for it come in."""
    from data_access.commands.inbox import map_listing

    with current_store() as engine:
        say(str(map_listing(engine, channel, external_sku, sku, _typist(), why)))


def _report(result: "ImportResult", as_json: bool) -> None:
    facts = result.as_dict()
    if as_json:
        say(json.dumps(facts, default=str))
        return
    say(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value is not None))
    if result.quarantined:
        say("`onhand inbox list` shows the rows that were put aside.")


def main() -> None:
    """Entry of the `onhand` command: what a person can cause is one sentence on stderr and exit code 2."""
    os.umask(0o077)  # what it and its children make is its owner's alone
    try:
        app()
    except OnHandError as error:
        _fail(str(error))
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        _fail("Stopped. What was finished is kept; the same command goes on from there.")
    except OSError as error:
        sentence = _os_sentence(error)
        if sentence is None:
            raise
        _fail(sentence)
    except Exception as error:
        sentence = _database_sentence(error)
        if sentence is None:
            raise
        _fail(sentence)


def _fail(sentence: str) -> None:
    typer.echo(sentence, err=True)
    sys.exit(BAD_INPUT)


def _os_sentence(error: OSError) -> str | None:
    where = error.filename or "the disk"
    sentences = {
        errno.ENOSPC: f"There is no space left on {where}: free some and try again; nothing that was there is lost.",
        errno.EROFS: f"{where} is read-only: choose a place that can be written to.",
        errno.EACCES: f"There is no permission for {where}: give it, or choose another place.",
        errno.ENOENT: f"There is no {where}: check the name.",
        errno.EISDIR: f"{where} is a folder: name a file.",
    }
    return sentences.get(error.errno or 0)


def _database_sentence(error: Exception) -> str | None:
    from sqlalchemy.exc import DBAPIError

    from dashboard.settings import settings
    from data_access.engine import explained, open_engine

    if not isinstance(error, DBAPIError):
        return None
    told = explained(error, open_engine(settings().database_url))
    return str(told) if isinstance(told, OnHandError) else None


if __name__ == "__main__":
    main()
