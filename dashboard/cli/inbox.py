"""`onhand inbox`: rows and events that failed to import."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dashboard.cli.terminal import Json, current_store, emit, say, typist

if TYPE_CHECKING:
    import polars as pl

SHOWN: Final = 50  # rows of a list
SHORT: Final = 100  # characters of a value in a list

app = typer.Typer(no_args_is_help=True, help="Rows and events that failed to import: list, map, mend, retry, dismiss.")

Items = Annotated[list[int], typer.Argument(help="Their ids, from `onhand inbox list`.", show_default=False)]
Why = Annotated[str, typer.Option(help="The reason, kept in the audit.", show_default=False)]


@app.command("list")
def inbox_list(as_json: Json = False) -> None:
    """List what failed to import: rows, events that conflict or wait for what they name, listings without a SKU."""
    from data_access.queries import inbox

    with current_store() as engine:
        frames = {
            "counts": inbox.counts(engine),
            "items": inbox.items(engine),
            "parked": inbox.parked(engine),
            "listings": inbox.listings_without_sku(engine),
        }
    emit({name: frame.to_dicts() for name, frame in frames.items()}, _waiting_lines(frames), as_json)


def _waiting_lines(frames: "dict[str, pl.DataFrame]") -> Iterator[str]:
    titles = {"counts": "Waiting", "items": "Failed rows", "parked": "Events that wait", "listings": "Listings without a SKU"}
    for name, title in titles.items():
        yield f"{title}:" if frames[name].height else f"{title}: none"
        for row in frames[name].head(SHOWN).iter_rows(named=True):
            yield "  " + ", ".join(f"{key} {_short(value)}" for key, value in row.items() if value is not None)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


@app.command("export")
def inbox_export(
    file: Annotated[Path, typer.Argument(help="The file to write; .xlsx for rows of a workbook.", show_default=False)],
    run: Annotated[int | None, typer.Option("--import", help="Rows of this import alone; its id is in the import's report.")] = None,
) -> None:
    """Write rows that failed to import to a file, to be mended there and imported again."""
    from data_access.imports.inbox_files.export import export_rows

    with current_store() as engine:
        rows = export_rows(engine, run, file)
    say(f"Wrote {rows} rows to {file}.")


@app.command("mend")
def inbox_mend(
    item: Annotated[int, typer.Argument(help="Its id, from `onhand inbox list`.", show_default=False)],
    text: Annotated[str, typer.Option(help="The row or event as it should be.", show_default=False)],
    version: Annotated[int, typer.Option(help="Its version, from the list: refused if someone changed it since.", show_default=False)],
) -> None:
    """Change the text of a row or event; `retry` then takes it in."""
    from data_access.commands.inbox import mend

    with current_store() as engine:
        mend(engine, item, text, version, typist())
    say(f"Mended {item}.")


@app.command("retry")
def inbox_retry(items: Items) -> None:
    """Take in rows and events again, mended or because what they name is there now."""
    from data_access.commands.inbox import retry

    with current_store() as engine:
        say(str(retry(engine, items, typist())))


@app.command("dismiss")
def inbox_dismiss(
    items: Items,
    why: Why,
    parked: Annotated[bool, typer.Option("--parked", help="The ids are those of events that wait.")] = False,
) -> None:
    """Dismiss rows or events that will not be imported; they are kept."""
    from data_access.commands import inbox

    with current_store() as engine:
        if parked:
            inbox.dismiss_parked(engine, items, why, typist())
        else:
            inbox.dismiss(engine, items, why, typist())
    say(f"Dismissed {len(items)}.")


@app.command("map")
def inbox_map(
    channel: Annotated[str, typer.Argument(help="The channel's id.", show_default=False)],
    external_sku: Annotated[str, typer.Argument(help="The listing's id on the channel.", show_default=False)],
    sku: Annotated[str, typer.Argument(help="The SKU it sells.", show_default=False)],
    why: Annotated[str | None, typer.Option(help="The reason, kept in the audit.")] = None,
) -> None:
    """Say which SKU a listing sells; the rows and events that waited for it come in."""
    from data_access.commands.inbox import map_listing

    with current_store() as engine:
        say(str(map_listing(engine, channel, external_sku, sku, typist(), why)))
