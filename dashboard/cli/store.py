"""`onhand demo`, `migrate`, `restore` and `verify`: making a store, bringing it to this release, putting back a backup, and checking it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit, say, today
from data_access.errors import InvalidInput

if TYPE_CHECKING:
    from data_access.mirror.verify import MirrorReport
    from data_access.queries.verification.verify import VerifyReport


class DemoSize(StrEnum):
    """How big a demo company is made."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


def _day(text: str) -> date:
    if text == "today":
        return today()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"The day {text} cannot be read: write it as YYYY-MM-DD.") from error


def demo(
    size: Annotated[
        DemoSize, typer.Option(help="About 300 SKUs and 250,000 order lines, 3,000 and 1 million, or 20,000 and 10 million.")
    ] = DemoSize.SMALL,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and day make the same company.")] = 7,
    as_of: Annotated[str, typer.Option(metavar="DATE", help="Last day of its two years, YYYY-MM-DD.")] = "today",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a demo store that is there; its events are lost.")] = False,
) -> None:
    """Make the demo company's store: two years of history."""
    from dashboard.settings import settings
    from dashboard.stores import make_demo

    with bar("Making the demo company") as progress:
        summary = make_demo(settings(), size.value, seed, _day(as_of), replace, progress)
    say(summary)


def migrate() -> None:
    """Bring the store to this release's schema; an empty database becomes an empty store."""
    from dashboard.settings import settings
    from data_access.engine import open_engine
    from data_access.store.lifecycle import migrate as bring
    from data_access.store_address import shown

    engine = open_engine(settings().database_url)
    try:
        revision = bring(engine)
    finally:
        engine.dispose()
    say(f"{shown(settings().database_url)} is at revision {revision}.")


def restore(file: Annotated[Path, typer.Argument(help="A backup: the file of a whole SQLite store.", show_default=False)]) -> None:
    """Put a backup in the place of the store, also while OnHand runs; what was there is kept beside it."""
    from dashboard.settings import settings
    from data_access.store.replacing import restore as put_back

    with bar(f"Restoring {file.name}") as progress:
        restored = put_back(settings().database_url, file, progress)
    say(f"Restored {restored.path} from {file}.")
    if restored.kept is not None:
        say(f"The store that was there is kept as {restored.kept}, until the next restore.")
    if restored.revision_state == "older":
        say(f"It is of an older release (revision {restored.revision}): run `onhand migrate`.")


def verify(as_json: Json = False) -> None:
    """Rebuild every projection and the mirror from the facts and print the differences; the exit code is 1 if there are any."""
    from dashboard.settings import settings
    from data_access.mirror.verify import verify_mirror
    from data_access.queries.verification.verify import verify as rebuild

    with current_store() as engine, bar("Verifying") as progress:
        report = rebuild(engine)
        mirrored = verify_mirror(engine, settings().mirror_dir, progress)
    differences = report.differences + (0 if mirrored is None else mirrored.differences)
    facts = {**asdict(report), "differences": differences, "mirror": None if mirrored is None else asdict(mirrored)}
    emit(facts, _report_lines(report, mirrored, differences), as_json)
    raise typer.Exit(0 if differences == 0 else 1)


def _report_lines(report: "VerifyReport", mirrored: "MirrorReport | None", differences: int) -> Iterator[str]:
    for row in [*report.rows, *([] if mirrored is None else mirrored.first_differences)]:
        yield ", ".join(f"{name} {value}" for name, value in row.items())
    counts = report.checked if mirrored is None else {**report.checked, "mirrored rows": mirrored.rows, "day cells": mirrored.day_cells}
    for name in report.incomplete_imports:
        yield f"The import of {name} was stopped before its end: run it again to go on."
    for row in report.contradicted:
        fact = "" if row["units"] is None else f" (units: {row['units']}, event {row['event_id']} of {row['source']})"
        yield f"{row['channel_id']} {row['order_ref']} line {row['line_ref']}, {row['sku']}{fact}: {row['cause']}"
    if report.contradictions:
        yield f"Contradictions, facts that cannot all be: {report.contradictions}. The figures are right by the others."
    yield f"{differences} differences; checked {', '.join(f'{count} {name}' for name, count in counts.items())}."
