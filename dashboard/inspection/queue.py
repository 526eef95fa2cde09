"""The queue of returned units, and the form to decide on those that are chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl
import streamlit as st

from dashboard.inspection.selection import ScannedUnits
from dashboard.shell import chosen, downloads, records, words
from data_access.commands.inspection import MOST_AT_ONCE, MOST_NOTE, UnitDecision
from data_access.domain.returns.fates import STATES, Fate

# what units can become, by what they are: the fate, its button, the icon, the key pressed with Alt
CHOICES: Final[dict[Fate, tuple[tuple[Fate, str, str, str], ...]]] = {
    "waiting": (
        ("restock", "Restock", ":material/inventory_2:", "1"),
        ("refurbish", "Refurbish", ":material/build:", "2"),
        ("discard", "Discard", ":material/delete:", "3"),
    ),
    "refurbish": (
        ("repaired", "Repaired", ":material/inventory_2:", "1"),
        ("discard", "Discard", ":material/delete:", "3"),
    ),
}
SHOWN: Final = 500
_COLUMNS: Final[dict[str, Any]] = {
    "sku": "SKU",
    "name": st.column_config.TextColumn("Product", width="medium"),
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "needed": "Needed",
    "since": "Waits for",
    "late": "Late by",
    "outside": "Outside its window",
    "reason": st.column_config.TextColumn("Reason", width="medium"),
    "customer_note": st.column_config.TextColumn("The customer wrote", width="medium"),
    "channel": "Channel",
    "order_ref": "Order",
    "return_ref": "Return",
    "location": "Location",
    "sold_as": "Sold as",
}


@dataclass(frozen=True, slots=True)
class InspectionEdit:
    """What a person decided of returned units, and what the page says of it."""

    decisions: tuple[UnitDecision, ...]
    note: str
    sentence: str


def show(scan: ScannedUnits, fate: Fate, now: Any, can_change: bool, key: str) -> InspectionEdit | None:
    """Draw `inspection.QUEUE` of units of a fate, and the form for those that are chosen; what was decided."""
    rows = scan.rows.head(SHOWN)
    ids = [f"{row['return_id']} {row['sku']}" for row in rows.select("return_id", "sku").iter_rows(named=True)]
    place = st.container()  # above the table: on a phone it is in view at once
    picked = chosen.several(_shown(rows, now), ids, f"{key}.{fate}", _COLUMNS, "Returned units, those that are needed soonest first")
    if scan.rows.height > SHOWN:
        st.caption(f"The first {words.units(SHOWN)} of {words.units(scan.rows.height)} are shown.")
    downloads.buttons(_shown(scan.rows, now), f"inspection-{fate}", f"{key}.{fate}")
    if not picked and scan.text:
        picked = ids[:1]  # who scans has the goods in hand: the one that has waited longest
    with place:
        if not picked:
            st.caption("Scan something, or choose rows to decide on." if can_change else "Scan something, or choose a row to see it.")
            return None
        places = [ids.index(one) for one in picked]
        return _form(rows[places], fate, scan.is_sku, can_change, key)


def _form(picked: pl.DataFrame, fate: Fate, is_sku: bool, can_change: bool, key: str) -> InspectionEdit | None:
    """Draw what is chosen, and a button for each thing that it can become."""
    with st.container(border=True, gap="small", key=f"{key}-form"):
        one = picked.row(0, named=True) if picked.height == 1 else None
        _describe(picked, one)
        if not can_change:
            return None
        units = int(picked["units"].sum())
        own = f"{key}.{fate}.{'.'.join(str(part) for part in picked['return_id'].to_list()[:3])}.{picked.height}.{picked['version'].sum()}"
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            if one is not None and one["units"] > 1:
                first = 1 if is_sku else int(one["units"])
                units = int(st.number_input("Units", 1, int(one["units"]), first, key=f"{own}.units", width=120))
            note = st.text_input("Condition", key=f"{own}.note", placeholder="Optional: such as torn box", max_chars=MOST_NOTE, width=320)
        with st.container(horizontal=True, gap="small"):
            for after, label, icon, digit in CHOICES[fate]:
                own_type: Literal["primary", "secondary"] = "primary" if digit == "1" else "secondary"
                held = STATES[after] == "sellable" and picked["held"].is_not_null().any()
                if st.button(label, key=f"{key}.{fate}.{after}", type=own_type, icon=icon, shortcut=f"Alt+{digit}", disabled=held):
                    return _decided(picked, fate, after, units, note or "")
    return None


def _describe(picked: pl.DataFrame, one: dict[str, Any] | None) -> None:
    if one is None:
        st.markdown(f"**{words.counted(int(picked['units'].sum()), 'unit')}** of {words.counted(picked.height, 'row')}: all of each")
        held = picked.filter(pl.col("held").is_not_null())["sku"].unique().sort().to_list()
        if held:
            st.caption(
                f":material/front_hand: Held at inspection: {words.plain(', '.join(held))}. The others can be restocked without them."
            )
        return
    named = records.names()
    of = f"return {one['return_ref']}" + (f", order {one['order_ref']}" if one["order_ref"] else ", whose order is not known")
    channel, location = named["channel_id"].get(one["channel_id"], ""), named["location_id"].get(one["location_id"], "")
    st.markdown(f"**{words.plain(one['sku'])} · {words.plain(one['name'])}**: {words.counted(one['units'], 'unit')}")
    kit = f" · part of {one['sold_as']}" if one["sold_as"] != one["sku"] else ""
    st.caption(words.plain(f"{channel}, {of}, at {location}{kit}"))
    why = " · ".join(text for text in (one["reason"], one["customer_note"]) if text)
    if why:
        st.caption(f"The customer: {words.plain(why)}")
    if one["held"]:
        st.caption(f":material/front_hand: Held at inspection: {words.plain(one['held'])}. Only a manager lifts that, on the Returns page.")
    if one["outside_days"]:
        beyond, window = words.counted(one["outside_days"], "day"), words.counted(one["window_days"], "day")
        st.caption(f":material/event_busy: It was asked for {beyond} after the return window of {window} had ended. The decision is yours.")
    if one["condition"]:
        st.caption(f"Restock if: {words.plain(one['condition'])}")
    if one["backordered"] and one["free"] <= 0:
        st.caption(
            f":material/priority_high: {words.counted(one['backordered'], 'unit')} of it are waited for by customers, and none is left."
        )


def _decided(picked: pl.DataFrame, fate: Fate, after: Fate, units: int, note: str) -> InspectionEdit:
    rows: Sequence[dict[str, Any]] = picked.head(MOST_AT_ONCE).to_dicts()
    decisions = tuple(
        UnitDecision(row["return_id"], row["sku"], units if len(rows) == 1 else row["units"], after, row["version"], fate) for row in rows
    )
    total = sum(one.quantity for one in decisions)
    what = words.counted(total, "unit") + (f" of {rows[0]['sku']}" if len(rows) == 1 else "")
    return InspectionEdit(decisions, note, f"{what} {PAST[after]}.")


PAST: Final[dict[Fate, str]] = {
    "waiting": "to be inspected again",
    "restock": "restocked",
    "refurbish": "sent to refurbishment",
    "repaired": "repaired and back in stock",
    "discard": "discarded",
}


def _shown(rows: pl.DataFrame, now: Any) -> pl.DataFrame:
    named = records.names()
    days = (pl.lit(now) - pl.col("received_at")).dt.total_days()
    waits = pl.when(pl.col("backordered") > 0).then(pl.format("{} wait for it", "backordered")).otherwise(pl.lit(""))
    return rows.select(
        "sku",
        "name",
        "units",
        pl.when(pl.col("free") <= 0)
        .then(pl.when(waits == "").then(pl.lit("sold out")).otherwise(waits))
        .otherwise(pl.lit(""))
        .alias("needed"),
        pl.when(days < 1).then(pl.lit("today")).otherwise(_days(days)).alias("since"),
        pl.when(days > pl.col("inspect_days")).then(_days(days - pl.col("inspect_days"))).otherwise(pl.lit("")).alias("late"),
        pl.when(pl.col("outside_days") > 0).then(_days(pl.col("outside_days"))).otherwise(pl.lit("")).alias("outside"),
        "reason",
        "customer_note",
        pl.col("channel_id").replace_strict(named["channel_id"], default=pl.col("channel_id"), return_dtype=pl.String).alias("channel"),
        "order_ref",
        "return_ref",
        pl.col("location_id").replace_strict(named["location_id"], default=pl.col("location_id"), return_dtype=pl.String).alias("location"),
        "sold_as",
    )


def _days(count: pl.Expr) -> pl.Expr:
    return pl.when(count == 1).then(pl.lit("1 day")).otherwise(pl.format("{} days", count))
