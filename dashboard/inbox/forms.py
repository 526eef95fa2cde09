"""The inbox's forms: each draws what waits, and gives what a person decided; the page hands that to one command."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl
import streamlit as st

from dashboard.shell import chosen, downloads, filters, words
from dashboard.shell.filters import Filter
from data_access.domain.matching import suggestions

LISTINGS_SHOWN: Final = 20
TABS: Final = {"listings": "Listings without a SKU", "rows": "Rows", "conflicts": "Conflicts", "parked": "Waiting events"}
_TIME: Final = "YYYY-MM-DD HH:mm:ss"
_WAITS: Final = {
    "listing": "a SKU for the listing {}",
    "sku": "the product {}",
    "location": "the location {}",
    "channel": "the channel {}",
    "order": "the order {}",
    "line": "the order line {}",
    "shipment": "the shipment {}",
    "return": "the return {}",
    "po": "the purchase order {}",
    "supplier": "the supplier {}",
    "import": "import {} to be taken back",
    "shipped": "a shipment: more came back than left of {}",
    "ordered": "a decision: more left than was ordered of {}",
    "package": "a decision: two sources differ on a package of {}",
}


@dataclass(frozen=True, slots=True)
class ListingChoice:
    """A person said which SKU a listing sells. `version`: of the listing as it was shown."""

    channel_id: str
    external_sku: str
    sku: str
    version: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with items. `text` and `version` of a mended one; `why` of dismissed ones."""

    act: Literal["retry", "mend", "dismiss"]
    ids: tuple[int, ...]
    why: str = ""
    text: str = ""
    version: int = 0


def choose_tab(labels: dict[str, str], counts: dict[str, int], first: str) -> str:
    """Draw the choice of what to look at, with how much waits of each; the chosen one's name."""
    tabs = list(labels)
    filters.hold(Filter("tab", labels, default=first))
    chosen = st.segmented_control(
        "Show",
        tabs,
        required=True,
        format_func=lambda tab: labels[tab],
        key="tab",
        label_visibility="collapsed",
    )
    st.caption(" · ".join(f"{labels[tab]}: {words.units(counts[tab])}" for tab in tabs))
    return str(chosen)


def together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Items of several kinds in one frame."""
    return pl.concat(parts)


def listings(rows: pl.DataFrame, products: pl.DataFrame, names: dict[str, str], can_change: bool) -> ListingChoice | None:
    """Draw `queries.inbox.LISTINGS` with the likeliest SKUs, as buttons if they may be chosen.

    Args:
        rows: the listings.
        products: sku and name.
        names: of channels.
        can_change: whether the person may choose.

    """
    shown = rows.head(LISTINGS_SHOWN)
    likely = suggestions(shown, products)
    decided = None
    for row in shown.iter_rows(named=True):
        mine = likely.filter((pl.col("channel_id") == row["channel_id"]) & (pl.col("external_sku") == row["external_sku"]))
        decided = _listing(row, mine, names, can_change) or decided
    if rows.height > shown.height:
        st.caption(f"{words.counted(rows.height - shown.height, 'more listing')} below these, with fewer rows and events waiting.")
    return decided


def _listing(row: dict[str, Any], likely: pl.DataFrame, names: dict[str, str], can_change: bool) -> ListingChoice | None:
    key = f"inbox.{row['channel_id']}.{row['external_sku']}"
    sku = ""
    with st.container(border=True, gap="xsmall"):
        title = f" · {row['title']}" if row["title"] else ""
        st.markdown(f"**{words.plain(row['external_sku'])}** on {words.plain(names.get(row['channel_id'], row['channel_id']) + title)}")
        waiting = [words.counted(row[f"{what}s_waiting"], what) for what in ("row", "event") if row[f"{what}s_waiting"]]
        st.caption(f"Waiting for it: {' and '.join(waiting) or 'nothing yet'}")
        labels = {option["sku"]: f"{words.plain(option['sku'])} · {words.plain(option['name'])}" for option in likely.iter_rows(named=True)}
        if not can_change:
            st.caption(f"Likely: {', '.join(labels.values())}" if labels else "No SKU of the catalogue resembles it.")
            return None
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            for option in likely.iter_rows(named=True):
                label = f"Map to {labels[option['sku']]}"
                if st.button(label, key=f"{key}.{option['sku']}", type="primary" if option["score"] == 1 else "secondary"):
                    sku = option["sku"]
            with st.popover("Another SKU"), st.form(f"{key}.form", border=False):
                typed = st.text_input("SKU", key=f"{key}.typed", placeholder="As in your catalogue")
                if st.form_submit_button("Map") and typed.strip():
                    sku = typed.strip()
    return ListingChoice(row["channel_id"], row["external_sku"], sku, row["version"]) if sku else None


def items(rows: pl.DataFrame, key: str, can_change: bool, can_retry: bool) -> Decision | None:
    """Draw `queries.inbox.ITEMS`, several selectable; who `can_change` may dismiss them and, where `can_retry`, mend and retry them."""
    ids = chosen.several(_items_shown(rows), rows["id"].to_list(), key, _COLUMNS, "Rows and events that failed to import")
    downloads.buttons(rows, f"inbox-{key}", key)
    picked = rows.filter(pl.col("id").is_in(ids))
    decided: Decision | None = None
    if can_change and can_retry:
        wanted, what = (ids, "chosen") if ids else (rows["id"].to_list(), "shown")
        if st.button(f"Retry the {len(wanted)} {what}", key=f"{key}.retry", icon=":material/replay:"):
            decided = Decision("retry", tuple(wanted))
        if picked.height == 1:
            decided = _mending(picked.row(0, named=True), key) or decided
    elif picked.height == 1:
        st.code(picked["mended"][0] or picked["content"][0], language=None, wrap_lines=True)
    return (_dismissing(ids, key) if can_change else None) or decided


def _mending(item: dict[str, Any], key: str) -> Decision | None:
    """A text area with the item's text. The version is that of the text as it was when the person opened it."""
    seen = f"{key}.seen.{item['id']}"
    version = int(st.session_state.setdefault(seen, item["version"]))
    with st.form(f"{key}.mend.{item['id']}"):
        st.markdown(f"**Mend:** {words.plain(item['reason'])}")
        text = st.text_area("Text", item["mended"] or item["content"], key=f"{key}.text.{item['id']}", height=140)
        if version != item["version"]:
            there = words.plain(item["mended"] or item["content"])
            st.warning(f"Someone changed it meanwhile to: {there}. Saving again replaces that.", icon="✍")
            st.session_state[seen] = item["version"]
        if st.form_submit_button("Save and retry", type="primary"):
            return Decision("mend", (int(item["id"]),), text=text, version=version)
    return None


def parked(rows: pl.DataFrame, key: str, can_change: bool) -> Decision | None:
    """Draw `queries.inbox.PARKED` and what each event waits for; who `can_change` may dismiss them."""
    st.caption("Each is applied by itself as soon as what it waits for comes in. What contradicts other data moves no stock until then.")
    shown = rows.select(
        pl.col("waits_for").map_elements(waits_for, return_dtype=pl.String),
        "kind",
        "channel_id",
        pl.format("{} {}", "source", "event_id").alias("event"),
        pl.col("occurred_at", "received_at").dt.replace_time_zone(None),
        "payload",
    )
    ids = chosen.several(shown, rows["id"].to_list(), key, _COLUMNS, "Events that wait for something")
    downloads.buttons(rows, "inbox-waiting", key)
    return _dismissing(ids, key) if can_change else None


def waits_for(key: str) -> str:
    """What a parked event waits for (`event.waits_for`), in words."""
    kind, _, rest = key.partition(":")
    return _WAITS.get(kind, "{}").format(rest.replace(":", " "))


def _dismissing(ids: Sequence[int], key: str) -> Decision | None:
    """A reason and a button, for what is chosen."""
    if not ids:
        st.caption("Choose rows to act on them.")
        return None
    with st.form(f"{key}.dismiss", clear_on_submit=True):
        why = st.text_input("Reason", key=f"{key}.why", placeholder="Reason for dismissal; kept in the audit")
        if st.form_submit_button(f"Dismiss {words.counted(len(ids), 'item')}"):
            return Decision("dismiss", tuple(ids), why=why)
    return None


def _items_shown(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.coalesce("file_name", "source").alias("from"),
        "line_number",
        "reference",
        "reason",
        pl.coalesce("mended", "content").alias("text"),
        pl.col("created_at").dt.replace_time_zone(None),
    )


_COLUMNS: Final[dict[str, Any]] = {
    "from": st.column_config.TextColumn("From"),
    "line_number": st.column_config.NumberColumn("Line", format="plain"),
    "reference": st.column_config.TextColumn("Reference"),
    "reason": st.column_config.TextColumn("What is wrong", width="large"),
    "text": st.column_config.TextColumn("Text", width="large"),
    "created_at": st.column_config.DatetimeColumn("Since (UTC)", format=_TIME),
    "waits_for": st.column_config.TextColumn("Waits for", width="medium"),
    "kind": st.column_config.TextColumn("Kind"),
    "channel_id": st.column_config.TextColumn("Channel"),
    "event": st.column_config.TextColumn("Event"),
    "occurred_at": st.column_config.DatetimeColumn("Occurred (UTC)", format=_TIME),
    "received_at": st.column_config.DatetimeColumn("Received (UTC)", format=_TIME),
    "payload": st.column_config.TextColumn("Payload", width="medium"),
}
