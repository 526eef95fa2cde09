"""`onhand returns`: how much came back, and why."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dashboard.cli.terminal import Json, bar, current_store, emit

if TYPE_CHECKING:
    from data_access.domain.returns.breakdown import Dimension, Totals


class By(StrEnum):
    """What returns can be parted by."""

    REASON = "reason"
    DETAIL = "detail"
    PARTY = "party"
    CHANNEL = "channel"
    CATEGORY = "category"
    SKU = "sku"


_DIMENSIONS: Final[dict[By, "Dimension"]] = {
    By.REASON: "reason",
    By.DETAIL: "detail",
    By.PARTY: "party",
    By.CHANNEL: "channel_id",
    By.CATEGORY: "category",
    By.SKU: "sku",
}


def returns(
    by: Annotated[By, typer.Option(help="What to part them by.")] = By.REASON,
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel, by its id; may be repeated.", show_default=False)] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; may be repeated.", show_default=False)] = None,
    sku: Annotated[list[str] | None, typer.Option(help="Only this SKU; may be repeated.", show_default=False)] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only weeks of shipping from that of this day on.", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only weeks of shipping up to that of this day.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """How much came back of what was shipped, and why."""
    from dashboard.settings import settings
    from data_access.domain.returns.breakdown import breakdown, totals
    from data_access.domain.returns.reasons import taxonomy
    from data_access.mirror.scan import Mirror
    from data_access.mirror.writing import catch_up
    from data_access.queries.returns.picture import ReturnFilter, picture

    with current_store() as engine, bar("Mirroring") as progress:
        done = catch_up(engine, settings().mirror_dir, progress=progress)
        seen = picture(engine, Mirror(settings().mirror_dir, done.manifest))
    days = [None if day is None else day.date() for day in (since, until)]
    shipped, returned = seen.only(ReturnFilter(tuple(channel or ()), tuple(category or ()), tuple(sku or ()), *days))
    sums, rows = totals(shipped, returned), breakdown(shipped, returned, _DIMENSIONS[by])
    names = dict(taxonomy().frame().select("means", "name").iter_rows()) if by in (By.REASON, By.DETAIL) else {}
    facts = {"totals": asdict(sums), "by": by.value, "rows": rows.to_dicts(), "channels_without_returns": seen.silent}
    emit(facts, [*_sentences(sums, seen.silent), *(_line(row, names) for row in rows.iter_rows(named=True))], as_json)


def _sentences(sums: "Totals", silent: tuple[str, ...]) -> Iterator[str]:
    if silent:
        yield f"No data of returns: {', '.join(silent)}. What they shipped is in no rate; bring their returns by a feed or an import."
    if sums.rate is None or sums.controllable_rate is None:
        yield "Nothing was shipped."
    else:
        yield (
            f"{sums.units_returned:,} of {sums.units_shipped:,} units shipped were returned: {sums.rate:.2%}; "
            f"{sums.controllable_rate:.2%} for what a seller can prevent."
        )
    if sums.unplaced_units:
        yield f"{sums.unplaced_units:,} more units were returned whose shipment is not known: they are in no rate."
    if sums.unmapped_units:
        yield f"{sums.unmapped_units:,} units were returned for reasons that no rule knows: map their codes on the Returns page."
    if sums.refund_coverage is not None:
        amounts = ", ".join(f"{refund / 10_000:,.2f} {currency}" for currency, (refund, _) in sums.refunds.items())
        yield f"Refunds are known of {sums.refund_coverage:.0%} of the units returned{': ' if amounts else ''}{amounts}."


def _line(row: dict[str, Any], names: dict[str, str]) -> str:
    rate = "no rate" if row["rate"] is None else f"{row['rate']:.2%} of {row['units_shipped']:,} shipped"
    group = row["group"] or "(none)"
    return f"{names.get(group, group)}: {row['units_returned']:,} units, {rate}; {row['share']:.1%} of returns"
