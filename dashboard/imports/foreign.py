"""A file that no mapping is known for: its columns proposed, confirmed by a person, and kept as a mapping under a name."""

import re
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.imports import reads
from dashboard.imports.dropped import DroppedFile
from dashboard.imports.forms import KINDS
from dashboard.shell import options, words
from data_access.imports.preview.file_format import ORDERS
from data_access.imports.preview.proposal import (
    WORDS_SHOWN,
    MappingDraft,
    OurColumn,
    Sample,
    columns_of,
    date_formats,
    decimal_of,
    proposed,
)

MEANINGS: Final = {
    "open": ["placed"],
    "shipped": ["shipped"],
    "delivered": ["delivered"],
    "cancelled": ["cancelled"],
    "returned": ["returned"],
    "not yet an order": [],
}
_LABELS: Final = {
    "order": "Order",
    "external_sku": "Channel's code of the item",
    "quantity": "Units",
    "placed": "Placed at",
    "line": "Line id",
    "title": "Title",
    "price": "Price per unit",
    "ship_by": "Ship by",
    "shipped": "Shipped at",
    "tracking_number": "Tracking number",
    "cancelled": "Cancelled at",
    "sku": "SKU",
    "counted_at": "Counted at",
    "location_id": "Location id",
    "channel_id": "Channel id",
    "moq": "Least order",
}
_PRIVATE: Final = re.compile(r"mail|phone|address|street|zip|postal|post ?code|buyer|customer|recipient|billing|(ship|bill).*name")
_MAIL: Final = r"[^\s@,;]+@[^\s@,;]+"
_HIDDEN: Final = "•••"
_GUESSES: Final = {  # by a part of the word; the first that fits
    **dict.fromkeys(("unship", "unfulfil", "undeliver", "ready"), "open"),
    **dict.fromkeys(("cancel", "void"), "cancelled"),
    **dict.fromkeys(("return", "refund"), "returned"),
    "deliver": "delivered",
    **dict.fromkeys(("ship", "fulfil", "dispatch", "sent", "complete"), "shipped"),
    **dict.fromkeys(("draft", "unpaid", "checkout"), "not yet an order"),
}


@dataclass(frozen=True, slots=True)
class NamedDraft:
    """A mapping to keep under a name. `places`: of orders, the ids of their channel and location."""

    name: str
    draft: MappingDraft
    places: tuple[str, str] | None = None


def show(file: DroppedFile) -> NamedDraft | None:
    """Draw the proposal; what a person confirmed."""
    of = reads.sample_of(file.path, file.file_hash)
    if of is None:  # the page has said why
        return None
    key = f"import.foreign.{file.path.parent.name}"
    st.markdown("**Say what its columns are.** Proposed by their names and by what they hold; the mapping is kept for the next file.")
    kind = st.selectbox("What the file holds", list(KINDS), format_func=KINDS.__getitem__, key=f"{key}.kind", width=300)
    first = _masked(of.rows.head(5))
    st.container(key="import.sample").dataframe(first, hide_index=True, placeholder="—", alt="The first rows of the file")
    st.caption(words.plain(f"Read as {of.read_as}."))
    chosen = _columns(of, kind, key)
    missing = [_label(one.name) for one in columns_of(kind) if one.is_needed and one.name not in chosen]
    if missing:
        st.info(f"Still needed: {', '.join(missing)}.", icon=":material/info:")
        return None
    dates = _dates(of, kind, chosen, f"{key}.{kind}")
    statuses = _statuses(of, chosen["status"], f"{key}.status.{chosen['status']}") if kind == ORDERS and "status" in chosen else None
    places = _places(key) if kind == ORDERS else None
    if dates is None or (kind == ORDERS and places is None):
        return None
    prices = [of.rows[chosen[one.name]] for one in columns_of(kind) if one.type == "price" and one.name in chosen]
    decimal = decimal_of(pl.concat([cells.rename("cell") for cells in prices])) if prices else "."
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name of the mapping", key=f"{key}.name", placeholder="such as till-orders", width=300)
        if st.button("Keep this mapping", type="primary", key=f"{key}.keep", icon=":material/save:", disabled=not name.strip()):
            draft = MappingDraft(kind=kind, columns=chosen, dates=dates, decimal=decimal, is_sheet=of.is_sheet, statuses=statuses)
            return NamedDraft(name.strip(), draft, places)
    return None


def _masked(rows: pl.DataFrame) -> pl.DataFrame:
    """Without who bought: nobody needs that to say what a column is."""
    private = [name for name in rows.columns if _PRIVATE.search(name.lower())]
    hidden = [pl.when(pl.col(name).is_not_null()).then(pl.lit(_HIDDEN)).alias(name) for name in private]
    return rows.with_columns(pl.all().str.replace_all(_MAIL, _HIDDEN)).with_columns(hidden)


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " ").capitalize())


def _columns(of: Sample, kind: str, key: str) -> dict[str, str]:
    """A choice for each of our columns; ours to the file's, of those that were chosen."""
    proposal = proposed(kind, of)
    chosen: dict[str, str] = {}
    places = st.columns(3)
    for place, ours in enumerate(columns_of(kind)):
        with places[place % 3]:
            theirs = _column(of, ours, proposal.get(ours.name), f"{key}.{kind}.{ours.name}")
        if theirs is not None:
            chosen[ours.name] = theirs
    return chosen


def _column(of: Sample, ours: OurColumn, proposal: str | None, key: str) -> str | None:
    theirs: str | None = st.selectbox(
        _label(ours.name) + (" (needed)" if ours.is_needed else ""),
        of.header,
        index=None if proposal is None else of.header.index(proposal),
        placeholder="Not in the file",
        key=key,
    )
    return theirs


def _dates(of: Sample, kind: str, chosen: dict[str, str], key: str) -> str | None:
    """How times are written; asked where several ways fit."""
    cells = [of.rows[chosen[one.name]] for one in columns_of(kind) if one.type == "time" and one.name in chosen]
    forms = date_formats(cells)
    if not forms:
        st.error("The times in these columns are written in no way that is known here: write a mapping, see docs/importing.md.")
        return None
    if len(forms) == 1 or not cells:
        return forms[0]
    example = next((str(cell) for column in cells for cell in column.drop_nulls().head(1)), "")
    form: str | None = st.selectbox(
        f"How times are written (such as {example})",
        forms,
        index=None,
        format_func=_in_words,
        placeholder="Several ways fit: choose",
        key=f"{key}.dates",
        width=400,
    )
    return form


def _in_words(form: str) -> str:
    """A way of writing times, by its letters."""
    letters = {"%Y": "year", "%m": "month", "%d": "day", "%H": "hour", "%M": "minute", "%S": "second", "%z": "offset", "%b": "month's name"}
    for code, word in letters.items():
        form = form.replace(code, word)
    return form


def _statuses(of: Sample, column: str, key: str) -> dict[str, list[str]]:
    """What each word of the status column means."""
    status_words = of.rows[column].drop_nulls().unique(maintain_order=True).head(WORDS_SHOWN)
    rows = pl.DataFrame([(word, _guess(word)) for word in status_words], schema={"word": pl.String, "means": pl.String}, orient="row")
    st.markdown("**What each status means**")
    columns: dict[str, Any] = {
        "word": st.column_config.TextColumn("In the file", disabled=True),
        "means": st.column_config.SelectboxColumn("Means", options=list(MEANINGS), required=True),
    }
    edited = st.data_editor(rows, key=key, hide_index=True, column_config=columns, alt="What each status of the file means")
    return {row["word"]: MEANINGS[row["means"]] for row in edited.iter_rows(named=True)}


def _guess(word: str) -> str:
    plain = word.lower()
    return next((meaning for part, meaning in _GUESSES.items() if part in plain), "open")


def _places(key: str) -> tuple[str, str] | None:
    """The channel that the orders are of, and the location that they leave from."""
    there = options.offered()
    if not there.channel or not there.location:
        st.info("Import channels and locations first: orders belong to a channel and leave from a location.", icon=":material/info:")
        return None
    with st.container(horizontal=True, gap="small"):
        channel = st.selectbox("Channel", list(there.channel), format_func=there.channel.__getitem__, key=f"{key}.channel", width=300)
        location = st.selectbox("Location", list(there.location), format_func=there.location.__getitem__, key=f"{key}.location", width=300)
    return channel, location
