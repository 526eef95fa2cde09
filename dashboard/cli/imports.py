"""`onhand import`: files of orders and of master data."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit, typist

if TYPE_CHECKING:
    from data_access.imports.channel_files.layouts import Kind
    from data_access.imports.import_run import ImportResult
    from data_access.imports.undo.preview import UndoPreview

KINDS_IMPORTED: Final = ("products", "kits", "listings", "locations", "channels", "suppliers", "counts")
HELPS: Final = {
    "products": "Products, of a table; or a channel's export of them, with their listings and counts.",
    "counts": "Stock counts, of a table or a channel's export: each becomes the adjustment that makes the ledger equal it.",
    "suppliers": "Suppliers with lead times.",
}

app = typer.Typer(no_args_is_help=True, help="Take in a file of your own. The same file again changes nothing.")

MAPPING_HELP: Final = "auto for the one that fits the header, one of OnHand's own or of the Import page, or a TOML file."
TABLE_MAPPING_HELP: Final = "Where columns have other names: one that was made on the Import page, or a TOML file."

File = Annotated[Path, typer.Argument(help="The file, also compressed (.gz).", show_default=False)]


@app.command("orders")
def import_orders(
    file: File,
    mapping: Annotated[
        str,
        typer.Option(help=MAPPING_HELP, show_default=False),
    ],
    channel: Annotated[str | None, typer.Option(help="The channel that sold, if not the mapping's own; the store has it.")] = None,
    location: Annotated[str | None, typer.Option(help="The location that goods leave from, if not the mapping's own.")] = None,
    opening_stock: Annotated[
        str | None, typer.Option(metavar="cover:DAYSd", help="Assume an opening stock that ends at so many days of demand: cover:30d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Orders and their lines, by a mapping of columns."""
    from dashboard.settings import settings
    from data_access.commands.mappings import mapping_by_name
    from data_access.imports.order_import import import_orders as take_in
    from data_access.imports.places import ChosenPlaces

    mapping = mapping_by_name(settings().mappings_dir, "orders", mapping)
    with current_store() as engine, bar(f"Importing {file.name}") as progress:
        result = take_in(engine, file, mapping, opening_stock, progress, ChosenPlaces(channel, location))
    emit(result.as_dict(), _result_lines(result), as_json)


def _import_table(kind: str, file: Path, mapping: str | None, as_json: bool) -> None:
    from dashboard.settings import settings
    from data_access.commands.mappings import mapping_by_name
    from data_access.imports.table_import import import_table as take_in

    if mapping is not None:
        mapping = mapping_by_name(settings().mappings_dir, kind, mapping)
    with current_store() as engine, bar(f"Importing {file.name}") as progress:
        result = take_in(engine, kind, file, mapping, progress)
    emit(result.as_dict(), _result_lines(result), as_json)


def _add_table_command(kind: str) -> None:
    def command(
        file: File,
        mapping: Annotated[str | None, typer.Option(help=TABLE_MAPPING_HELP)] = None,
        as_json: Json = False,
    ) -> None:
        _import_table(kind, file, mapping, as_json)

    app.command(kind, help=HELPS.get(kind, f"The {kind} of a table; see docs/importing.md for its columns."))(command)


def _add_export_command(kind: "Kind") -> None:
    def command(
        file: File,
        mapping: Annotated[
            str | None,
            typer.Option(
                help="For a channel's export: auto, or its name. For a table whose columns have other names: one that was made on the "
                "Import page, or a TOML file."
            ),
        ] = None,
        channel: Annotated[str | None, typer.Option(help="Of an export: the channel that wrote it; the store has it.")] = None,
        location: Annotated[str | None, typer.Option(help="Of an export: where its units are, if it does not say.")] = None,
        as_of: Annotated[str | None, typer.Option(help="Of an export: when its units were there, if not now.", metavar="TIME")] = None,
        as_json: Json = False,
    ) -> None:
        from dashboard.settings import settings
        from data_access.commands.mappings import mapping_by_name
        from data_access.errors import InvalidInput
        from data_access.imports.channel_files.channel_import import ChannelExport
        from data_access.imports.places import ChosenPlaces
        from data_access.imports.table_import import import_export

        if mapping is not None:
            mapping = mapping_by_name(settings().mappings_dir, kind, mapping)
        if mapping is None or mapping.endswith(".toml"):
            if any(option is not None for option in (channel, location, as_of)):
                raise InvalidInput("--channel, --location and --as-of are for exports of channels: add --mapping auto.")
            _import_table(kind, file, mapping, as_json)
            return
        export = ChannelExport(path=file, kind=kind, mapping=mapping, places=ChosenPlaces(channel, location), as_of=as_of)
        with current_store() as engine, bar(f"Importing {file.name}") as progress:
            result = import_export(engine, export, progress)
        emit(result.as_dict(), _result_lines(result), as_json)

    app.command(kind, help=HELPS[kind])(command)


for _kind in KINDS_IMPORTED:
    match _kind:
        case "products" | "counts":
            _add_export_command(_kind)
        case _:
            _add_table_command(_kind)


@app.command("runs")
def import_runs(as_json: Json = False) -> None:
    """The last imports, and what became of their rows."""
    from data_access.queries.imports import runs

    with current_store() as engine:
        rows = runs(engine).to_dicts()
    emit(rows, (_facts(row) for row in rows) if rows else ["Nothing has been imported yet."], as_json)


@app.command("ignored")
def import_ignored(
    run: Annotated[int, typer.Argument(help="The import; its id is in its report and in `onhand import runs`.", show_default=False)],
    as_json: Json = False,
) -> None:
    """What changed rows of an import say that was not taken as a change, and why."""
    from data_access.queries.imports import ignored

    with current_store() as engine:
        rows = ignored(engine, run).to_dicts()
    lines = (f"Line {row['line_number']}, order {row['reference']}: {row['reason']}" for row in rows)
    emit(rows, lines if rows else ["No row was ignored."], as_json)


@app.command("undo")
def import_undo(
    run: Annotated[int, typer.Argument(help="The import; its id is in its report and in `onhand import runs`.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Take an import back, as if it had never been; shows first what that does, and asks.

    With --json but without --yes, it only shows that. Interrupted, it goes on when it is called again.
    """
    from data_access.commands.imports import undo_import
    from data_access.imports.undo.preview import preview_undo

    with current_store() as engine:
        preview = preview_undo(engine, run)
        if as_json and not yes:
            emit(preview.as_dict(), (), as_json)
            return
        if not as_json:
            emit(None, _preview_lines(preview), as_json)
        if preview.stops and not yes:
            raise typer.Exit(1)
        if not yes and not typer.confirm("Take it back?"):
            return
        with bar(f"Taking back {preview.file_name}") as progress:
            undone = undo_import(engine, run, typist(), progress)
    emit(
        asdict(undone),
        [f"Import {run} is taken back: {undone.events:,} rows; {undone.released:,} events that waited for it were applied."],
        as_json,
    )


def _preview_lines(preview: "UndoPreview") -> Iterator[str]:
    yield f"Import {preview.import_run_id} of {preview.kind}, {preview.file_name}, {preview.status}. Taking it back"
    names = ("orders", "lines", "shipments", "cancellations", "returns", "charges", "counts")
    gone = ", ".join(f"{getattr(preview, name):,} {name}" for name in names if getattr(preview, name))
    yield f"  removes {gone or 'nothing'} ({preview.open_lines:,} lines are open)"
    for place in preview.units:
        yield f"  {place['location_id']}: {place['back']:,} units come back to the stock, {place['gone']:,} go from it"
    if preview.overwritten:
        yield f"  lets {preview.overwritten:,} rows of other sources say again what they said before"
    if preview.mended:
        yield f"  removes {preview.mended:,} rows that were mended in the inbox; the mended texts stay there"
    if preview.failed:
        yield f"  dismisses {preview.failed:,} rows that failed to import"
    for other in preview.overlapping:
        yield (
            f"  leaves import {other['import_run_id']}, {other['file_name']}, without the rows that both files have "
            f"({other['rows']:,} of its rows were known): import that file again afterwards, and they come in"
        )
    yield "  keeps the products, listings, channels and locations that it created: others may use them"
    for reason in preview.stops:
        yield f"It cannot be taken back: {reason}."


def _facts(row: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row.items() if value is not None)


def _result_lines(result: "ImportResult") -> Iterator[str]:
    yield _facts(result.as_dict())
    if result.ignored:
        yield f"`onhand import ignored {result.import_run_id}` shows what was not taken as a change."
    if result.quarantined:
        yield "`onhand inbox list` shows the rows that failed to import."
