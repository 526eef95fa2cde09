"""`onhand mirror`: the columnar mirror of history, brought up to date."""

from typing import Annotated

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit


def mirror(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read everything again instead of what changed.")] = False,
    as_json: Json = False,
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
    what = "Read everything again" if done.is_rebuilt else f"{len(done.orders):,} orders had changed, {done.parts:,} files were rewritten"
    emit(
        {"rebuilt": done.is_rebuilt, "orders": len(done.orders), "parts": done.parts, "rows": rows, "folder": str(folder)},
        [f"{what}; the mirror in {folder} has {', '.join(f'{count:,} {fact} facts' for fact, count in rows.items())}."],
        as_json,
    )
