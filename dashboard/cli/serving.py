"""`onhand run`, `serve` and `live`: the app, and the demo company's events as they happen."""

import os
from typing import Annotated

import typer

from dashboard.cli.store import DemoSize
from dashboard.cli.terminal import bar, current_store, say, today
from data_access.errors import InvalidInput

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of the port that is set.")]


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


def serve(port: Port = None) -> None:
    """Serve the pages alone, for a store that real feeds write to."""
    from dashboard.run import app_command, child_environment, require_free_port
    from dashboard.settings import settings

    used = settings().model_copy(update={} if port is None else {"port": port})
    with current_store():
        require_free_port(used.host, used.port)
    command = app_command()
    os.execve(command[0], command, child_environment(used, used.database_url))  # noqa: S606 - our own command line


def run(
    port: Port = None,
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
