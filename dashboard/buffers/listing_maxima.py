"""The buffers page's maxima of listings: typed into the table, saved together with the effect seen before, and who changed one."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.buffers import reads
from dashboard.buffers import rules as buffers
from dashboard.shell import downloads, empty, options, records, said, words
from dashboard.shell import filters as held
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.domain.availability import caps
from data_access.domain.buffer_rules import LARGEST, amount_in_words

CHANNEL: Final = "listed"
TEXT: Final = "find"
LISTING: Final = "listing"
SHOWN: Final = 200
FIELDS: Final = {"maximum": "Maximum", "why": "Reason"}
_OWN: Final = "buffers.listings"  # what the keys of all that is typed here begin with
_numbers = itertools.count(1)  # a table with other rows needs another key: what is typed is kept by the row's place


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person asks for: new maxima (listing id, units or None for no cap, version as seen) and why, or to undo a change."""

    maxima: tuple[tuple[int, int | None, int], ...] = ()
    why: str = ""
    audit_id: int | None = None

    @property
    def finished(self) -> str:
        """What the keys begin with that are done with once it is carried out: an undo leaves what is typed."""
        return f"{_OWN}.undo." if self.audit_id else f"{_OWN}."


@dataclass(frozen=True, slots=True)
class _Typed:
    """A maximum that is typed, and the listing as it was seen then."""

    maximum: int | None
    seen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The table on the screen: its key, filters and rows, and what had been typed for them before it was drawn."""

    key: str
    asked: tuple[str | None, str]
    ids: list[int]
    carried: dict[int, int | None]


def arrive() -> None:
    """On arriving by a link: take ids too, and say so if what it asks for is not there. Call it before anything is drawn."""
    channels = options.offered().channel
    asked = st.query_params.get(CHANNEL)
    if asked is not None and CHANNEL not in st.session_state:
        if asked in channels:
            st.session_state[CHANNEL] = asked
        elif asked not in channels.values():
            said.keep("buffers", f"The link asks for the channel “{asked}”, which this store does not have.", is_warning=True)
    asked = st.query_params.get(LISTING)
    if asked is not None and LISTING not in st.session_state:
        listings = reads.listing_maxima().filter(_labels(channels) == asked)
        if listings.is_empty():
            said.keep("buffers", "The listing that the link asks for is not there any more: choose another.", is_warning=True)
        else:
            st.session_state[LISTING] = listings["listing_id"][0]


def show(can_change: bool) -> Decided | None:
    """Draw the listings with their maxima, what is typed and its effect, and the changes of the one that is chosen; what was decided."""
    everything = reads.listing_maxima()
    if everything.is_empty():
        st.info("No listing is mapped to a SKU yet: map those that wait in the inbox, or import some.", icon=":material/info:")
        return None
    channels = options.offered().channel
    asked = _ask()
    matches = matching(everything, *asked)
    typed: dict[int, _Typed] = st.session_state.get(f"{_OWN}.typed", {})
    with st.container():  # one place each, whatever is in it: a field that moves to another is drawn again, and loses what is typed
        if matches.is_empty():
            empty.nothing_matches("listing", _reset, _OWN)
            shown = matches
        else:
            shown = _table(everything, matches, asked, typed, channels, can_change)
    with st.container():
        decided = _saving(everything, typed, channels) if typed and can_change else None
    return _one(everything, shown, channels, can_change) or decided


def matching(listings: pl.DataFrame, channel_id: str | None, text: str) -> pl.DataFrame:
    """Rows of `queries.buffers.LISTING_MAXIMA` on a channel (None: on any) with a text in the SKU or id; those with a maximum first."""
    keep = pl.lit(True) if channel_id is None else pl.col("channel_id") == channel_id
    if text := text.strip().lower():
        keep &= pl.any_horizontal(pl.col("sku", "external_sku").str.to_lowercase().str.contains(text, literal=True))
    matches = listings.filter(keep)
    return pl.concat([matches.filter(pl.col("maximum").is_not_null()), matches.filter(pl.col("maximum").is_null())])


def maximum_in_words(maximum: int | None) -> str:
    """The most units that a listing shows, as words."""
    return "no maximum" if maximum is None else amount_in_words("units", maximum)


def _labels(channels: Mapping[str, str]) -> pl.Expr:
    """What a listing is called: its channel's name and its id there."""
    return pl.concat_str(pl.col("channel_id").replace(channels), pl.lit(" · "), "external_sku")


def _called(row: Mapping[str, Any], channels: Mapping[str, str]) -> str:
    return f"{channels.get(row['channel_id'], row['channel_id'])} · {row['external_sku']}"


def _ask() -> tuple[str | None, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        channel = records.ask_channel(key=CHANNEL, width=200)
        held.hold(Filter(TEXT, default=""))
        text = st.text_input("SKU or listing id", placeholder="Search", key=TEXT, width=280)
    return channel, text


def _reset() -> None:
    st.session_state.update({CHANNEL: None, TEXT: ""})


# ---- the table -----------------------------------------------------------------------------------------------------


def _table(
    everything: pl.DataFrame,
    listings: pl.DataFrame,
    asked: tuple[str | None, str],
    typed: dict[int, _Typed],
    channels: dict[str, str],
    can_change: bool,
) -> pl.DataFrame:
    """Draw the first rows; those drawn. While something is typed they keep their order; what is typed stays, whatever becomes of them."""
    capped = everything.height - everything["maximum"].null_count()
    st.caption(
        f"{words.units(capped)} of {words.counted(everything.height, 'listing')} {'has' if capped == 1 else 'have'} a maximum: "
        "the channel is never shown more units than that."
    )
    before: _Grid | None = st.session_state.get(f"{_OWN}.grid")
    shown = listings.head(SHOWN)
    if before is not None and before.asked == asked and typed:
        held = pl.DataFrame({"listing_id": before.ids}, schema={"listing_id": pl.Int64})
        shown = held.join(everything, on="listing_id", maintain_order="left")
    ids = shown["listing_id"].to_list()
    grid = before
    if grid is None or grid.ids != ids:
        grid = _Grid(f"{_OWN}.grid.{next(_numbers)}", asked, ids, {one: kept.maximum for one, kept in typed.items()})
        st.session_state[f"{_OWN}.grid"] = grid
    drawn: dict[str, list[dict[str, Any]]] = st.session_state.get(f"{_OWN}.drawn", {})
    drawn = {key: rows for key, rows in drawn.items() if before is not None and key == before.key}
    st.session_state[f"{_OWN}.drawn"] = drawn | {grid.key: shown.rows(named=True)}
    maximum = pl.col("listing_id").replace_strict(grid.carried, default=pl.col("maximum"), return_dtype=pl.Int64)
    # what is typed into is among the first, so that a phone shows it
    cells = shown.select(pl.col("channel_id").replace(channels).alias("channel"), "sku", maximum.alias("maximum"), "external_sku")
    st.container(key=f"{_OWN}.table").data_editor(
        cells,
        key=grid.key,
        hide_index=True,
        disabled=["channel", "sku", "external_sku"] if can_change else True,
        column_config={
            "channel": "Channel",
            "sku": "SKU",
            "external_sku": "Listing",
            "maximum": st.column_config.NumberColumn(
                "Maximum (units)", help="Empty: no maximum.", min_value=0, max_value=int(LARGEST["units"]), step=1, format="localized"
            ),
        },
        on_change=_written,
        args=(grid.key,),
        placeholder="—",
        alt="Listings: type the most units to show under Maximum",
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        rest = f"The first {SHOWN} of {words.counted(listings.height, 'listing')}, those with a maximum first: search to see others."
        st.caption(rest if listings.height > SHOWN else words.counted(listings.height, "listing"))
        downloads.buttons(listings.drop("listing_id", "version"), "listing-maxima", _OWN)
    return shown


def _written(key: str) -> None:
    """Keep what was typed by listing, not by row. A callback: the browser also calls it for a table that it has just taken away."""
    drawn = st.session_state.get(f"{_OWN}.drawn", {})
    if key not in drawn or key not in st.session_state:
        return
    typed: dict[int, _Typed] = dict(st.session_state.get(f"{_OWN}.typed", {}))
    for place, change in st.session_state[key]["edited_rows"].items():
        row = drawn[key][int(place)]
        before = typed.pop(row["listing_id"], None)
        seen = row if before is None else before.seen
        maximum = None if change["maximum"] is None else int(change["maximum"])
        if maximum != seen["maximum"]:
            typed[row["listing_id"]] = _Typed(maximum, seen)
        else:  # the table would go on showing it as typed, whatever became of it since
            st.session_state.pop(f"{_OWN}.grid", None)
    st.session_state[f"{_OWN}.typed"] = typed


# ---- what is typed -------------------------------------------------------------------------------------------------


def _saving(everything: pl.DataFrame, typed: dict[int, _Typed], channels: dict[str, str]) -> Decided | None:
    """Draw what would be saved, what others changed meanwhile, the reason, and the effect."""
    stored = {row["listing_id"]: row for row in everything.filter(pl.col("listing_id").is_in(list(typed))).iter_rows(named=True)}
    changed = {one: stored[one] for one, kept in typed.items() if one in stored and stored[one]["version"] != kept.seen["version"]}
    form, result = st.columns([1, 1], gap="medium")
    with form:
        st.markdown(f"**{words.counted(len(typed), 'maximum', 'maxima')} to be saved**")
        _draw_typed(typed, channels)
        _changed_meanwhile(typed, changed, channels)
        wanted = _reasoned(typed, changed, channels)
        with st.container(horizontal=True, gap="small"):
            label = "Overwrite with mine" if changed else "Save"
            decided = wanted if st.button(label, type="primary", icon=":material/save:", key=f"{_OWN}.save") else None
            if changed and st.button("Discard mine", key=f"{_OWN}.theirs"):
                _forget({one: kept for one, kept in typed.items() if one not in changed})
            if st.button("Discard all", icon=":material/close:", key=f"{_OWN}.discard"):
                _forget({})
    with result:
        st.markdown("**Effect of saving this now**")
        maximum = pl.col("listing_id").replace_strict(
            {one: kept.maximum for one, kept in typed.items()}, default=pl.col("maximum"), return_dtype=pl.Int64
        )
        buffers.effect(reads.effect(caps=caps(everything.with_columns(maximum=maximum))))
        _note_several(everything, typed)
    return decided


def _note_several(everything: pl.DataFrame, typed: dict[int, _Typed]) -> None:
    """Say why a maximum may change nothing: its SKU has another listing on the channel."""
    wanted = everything.filter(pl.col("listing_id").is_in(list(typed))).select("sku", "channel_id").unique()
    if everything.join(wanted, on=["sku", "channel_id"], how="semi").height > wanted.height:
        st.caption("A SKU with several listings on a channel is capped by the largest of their maxima, or not at all if one has none.")


def _forget(left: dict[int, _Typed]) -> None:
    """Keep nothing but this of what was typed, and draw the page again."""
    st.session_state[f"{_OWN}.typed"] = left
    for name in ("grid", "drawn"):
        st.session_state.pop(f"{_OWN}.{name}", None)
    st.rerun()


def _draw_typed(typed: dict[int, _Typed], channels: dict[str, str]) -> None:
    st.container(key=f"{_OWN}.pending").dataframe(
        pl.DataFrame(
            [
                {
                    "Listing": _called(kept.seen, channels),
                    "SKU": kept.seen["sku"],
                    "From": maximum_in_words(kept.seen["maximum"]),
                    "To": maximum_in_words(kept.maximum),
                }
                for kept in typed.values()
            ]
        ),
        hide_index=True,
        height="content" if len(typed) <= 6 else 250,
        alt="Maxima that are typed and not saved",
    )


def _changed_meanwhile(typed: dict[int, _Typed], changed: dict[int, dict[str, Any]], channels: dict[str, str]) -> None:
    if not changed:
        return
    differences = {}
    for one, now in changed.items():
        kept = typed[one]
        sku = "" if now["sku"] == kept.seen["sku"] else f", sells {now['sku']}"
        was = maximum_in_words(kept.seen["maximum"]) + (sku and f", sells {kept.seen['sku']}")
        differences[_called(now, channels)] = was, maximum_in_words(now["maximum"]) + sku, maximum_in_words(kept.maximum)
    records.differing(
        f"Someone changed {words.counted(len(changed), 'listing')} of these since you typed. What you typed is still here:",
        differences,
        "Listing",
        f"{_OWN}.differ",
    )


def _reasoned(typed: dict[int, _Typed], changed: dict[int, dict[str, Any]], channels: dict[str, str]) -> Decided:
    """Draw the reason, and why this was refused; what would be saved."""
    why = st.text_input("Reason", key=f"{_OWN}.why", max_chars=500)
    wanted = Decided(tuple((one, kept.maximum, int(changed.get(one, kept.seen)["version"])) for one, kept in typed.items()), why)
    tried, problems = st.session_state.get("buffers.refused", (None, {}))
    with st.container():
        for place, sentences in problems.items() if tried == wanted else ():
            for name, sentence in sentences.items():
                of = "" if name == "why" else f" of {words.plain(_called(typed[wanted.maxima[place][0]].seen, channels))}"
                st.error(f"**{FIELDS[name]}{of}:** {words.plain(sentence)}", icon=":material/error:")
    return wanted


# ---- one listing ---------------------------------------------------------------------------------------------------


def _one(everything: pl.DataFrame, shown: pl.DataFrame, channels: dict[str, str], can_change: bool) -> Decided | None:
    """Draw the choice of a listing, which is in the address, and its changes; whether the last is to be undone."""
    opened = everything.filter(pl.col("listing_id").is_in([st.session_state.get(LISTING)]))
    if opened.is_empty():
        st.session_state[LISTING] = None
    offered = pl.concat([opened, shown.select(opened.columns)]).unique("listing_id", maintain_order=True)
    labels = {row["listing_id"]: _called(row, channels) for row in offered.iter_rows(named=True)}
    if not labels:
        return None
    held.hold(Filter(LISTING, labels))
    chosen = st.selectbox(
        "Listing",
        list(labels),
        index=None,
        placeholder="Choose one, to see who changed its maximum",
        format_func=labels.__getitem__,
        key=LISTING,
        width=360,
    )
    if chosen is None:
        return None
    button = f"{_OWN}.undo.{chosen}" if can_change else None
    audit_id = records.changes(shared.history("listing_maximum", chosen), "listing's maximum", _saved_in_words, button)
    return None if audit_id is None else Decided(audit_id=audit_id)


def _saved_in_words(text: str | None) -> str:
    return "—" if text is None else maximum_in_words(json.loads(text)["maximum"])
