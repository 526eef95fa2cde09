"""`onhand scorecard`: each channel's metrics against their targets."""

from datetime import datetime
from typing import Annotated, Any

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit


def scorecard(
    channel: Annotated[str | None, typer.Option(help="This channel alone, by its id.", show_default=False)] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="By what was known at the end of that day; now by default.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Each channel's metrics against their targets, from the orders up."""
    from dashboard.jobs.scorecards import scorecard as read_cards
    from dashboard.settings import settings

    with current_store() as engine, bar("Mirroring") as progress:
        cards = read_cards(engine, settings().mirror_dir, channel, None if as_of is None else as_of.date(), progress)
    emit(cards.to_dicts(), map(_card_line, cards.iter_rows(named=True)), as_json)


def _card_line(row: dict[str, Any]) -> str:
    head = f"{row['channel_id']}, {row['name']} ({row['window']})"
    if row["brings"] is not None:
        return f"{head}: no figure, target {row['target']}: {row['state']}. {row['brings']}"
    value = "no figure" if row["value"] is None else f"{row['value']:.2%} ({row['numerator']:,} of {row['denominator']:,})"
    room = "" if row["further"] is None else f"; {row['excess']:,} over the limit" if row["excess"] else f"; {row['further']:,} misses left"
    return f"{head}: {value}, target {row['target']}: {row['state']}{room}"
