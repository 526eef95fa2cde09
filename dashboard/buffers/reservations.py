"""The buffers page's reservations: the table, the editor of one with the effect of a change, and who changed it."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.buffers import reads
from dashboard.buffers import rules as buffers
from dashboard.buffers.rules import NEW, RESERVATION
from dashboard.shell import downloads, filters, records, said, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.domain.buffers import RESERVATIONS
from data_access.domain.reservation_rules import ReservationDraft, in_words, problems
from data_access.engine import now_us

FIELDS: Final = {
    "sku": "SKU",
    "units": "Keep",
    "channel_ids": "For channels",
    "location_ids": "At locations",
    "reason": "Reason",
    "ends_at": "Ends",
}
_NEW_LABEL: Final = "A new reservation"
_ANYWHERE: Final = "All that serve these channels"
_UNSAVED: Final = 0  # no stored reservation has this id
_TABLE_COLUMNS: Final[dict[str, Any]] = {
    "sku": "SKU",
    "keeps": "Keeps",
    "channels": st.column_config.TextColumn("For channels", width="medium"),
    "locations": st.column_config.TextColumn("At locations", width="medium"),
    "state": "State",
    "kept": st.column_config.NumberColumn(
        "Kept now (units)", format="localized", help="What is left of it after open orders of its channels; no more than there is."
    ),
    "withheld": st.column_config.NumberColumn(
        "Withheld now (units)",
        format="localized",
        help="The most that it takes from any one other channel that sells the SKU. Channels share stock, so this is no sum.",
    ),
    "ends": st.column_config.DateColumn("Ends after (UTC)", format="YYYY-MM-DD"),
    "reason": st.column_config.TextColumn("Reason", width="medium"),
}


@dataclass(frozen=True, slots=True)
class ReservationEdit:
    """What a person asks for: save a draft, remove a reservation, or undo a change. `version`: of it as it was seen.

    `chosen`: what was open in the editor; `reservation_id` is None for one to be added.
    """

    act: str
    chosen: str
    draft: ReservationDraft | None = None
    reservation_id: int | None = None
    version: int | None = None
    why: str = ""
    audit_id: int = 0


def arrive() -> None:
    """On arriving by a link: take a reservation's id too, and say so if it is not there any more. Call it before anything is drawn."""
    asked = st.query_params.get(RESERVATION)
    if asked is None or RESERVATION in st.session_state:
        return
    labels = _labels(reads.reservation_table())
    if asked in (*labels, NEW):
        st.session_state[RESERVATION] = asked
    elif asked not in (*labels.values(), _NEW_LABEL):
        said.keep("buffers", "The reservation that the link asks for is not there any more: choose another.", is_warning=True)


def show(can_change: bool, key: str) -> ReservationEdit | None:
    """Draw the reservations and the one that is chosen; what a person decided."""
    rows = reads.reservation_table()
    with st.container():  # one place, whether there are rows or none: a field that moves to another is drawn again, and loses what is typed
        _table(rows, f"{key}.reservations")
    with st.container():
        chosen = _ask(rows, can_change)
    buffers.drop(f"{key}.reservation.", keeping=f"{key}.reservation.{chosen}.")
    if chosen is None:
        return _removed(rows, can_change, key)
    edited = _editor(chosen, rows, can_change, key)
    if chosen != NEW:
        edited = _history(int(chosen), can_change, key) or edited
    if edited and edited.act == "remove":
        st.session_state[f"{key}.reservations.removed"] = edited.reservation_id
    return edited


def _covers(values: dict[str, Any], named: dict[str, dict[str, str]]) -> str:
    """What is reserved for whom, in words: "DESK-001 for eBay at Leeds"."""
    places = f" at {_listed(values, 'location_ids', named)}" if values["location_ids"] else ""
    return f"{values['sku']} for {_listed(values, 'channel_ids', named)}{places}"


def _listed(values: dict[str, Any], field: str, named: dict[str, dict[str, str]]) -> str:
    labels = named[field.removesuffix("s")]
    return ", ".join(labels.get(one, one) for one in values[field])


def _labels(rows: pl.DataFrame) -> dict[str, str]:
    """What each is called, by its id as text; where two are called the same, the id is added."""
    named = records.names()
    labels = {str(row["reservation_id"]): _covers(row, named) for row in rows.iter_rows(named=True)}
    times = Counter(labels.values())
    return {one: label if times[label] == 1 else f"{label} ({one})" for one, label in labels.items()}


def _table(rows: pl.DataFrame, key: str) -> None:
    if rows.is_empty():
        st.info("Nothing is reserved: channels share all that their locations have.", icon=":material/info:")
        return
    st.caption(
        f"{words.counted(rows.filter(pl.col('state') != 'ended').height, 'reservation')} in force. What is left of one after open orders "
        "of its channels is withheld from every other channel that its locations serve."
    )
    named = records.names()
    shown = pl.DataFrame(
        [
            {
                "sku": row["sku"],
                "keeps": in_words(row["units"]),
                "channels": _listed(row, "channel_ids", named),
                "locations": _listed(row, "location_ids", named) or _ANYWHERE,
                "state": buffers.STATES[row["state"]],
                "kept": row["kept"],
                "withheld": row["withheld"],
                "ends": buffers.last_day(row["ends_at"]),
                "reason": row["reason"],
            }
            for row in rows.iter_rows(named=True)
        ],
        schema_overrides={"ends": pl.Date},
    )
    ids = [str(one) for one in rows["reservation_id"].to_list()]
    records.clickable(shown, ids, RESERVATION, f"{key}.grid", _TABLE_COLUMNS, "Reservations: choose a row to see and change it")
    downloads.buttons(shown, "reservations", key)


def _ask(rows: pl.DataFrame, can_change: bool) -> str | None:
    """Draw the choice of a reservation, which is in the address. One that is open stays so whatever others do to it.

    The browser knows an option by its label alone, so an open one keeps the label that it had.
    """
    labels = _labels(rows)
    opened = st.session_state.get(RESERVATION)
    called = st.session_state.get(f"buffers.reservation.{opened}.label")
    if opened is not None and called is not None:
        labels = {one: f"{label} ({one})" if label == called else label for one, label in labels.items()} | {opened: called}
    options = [NEW, *labels] if can_change else list(labels)
    if opened not in (None, *options):
        st.session_state[RESERVATION] = None
    if not options:
        return None
    filters.hold(Filter(RESERVATION, {**labels, NEW: _NEW_LABEL} if can_change else labels))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen: str | None = st.selectbox(
            "Reservation",
            options,
            index=None,
            placeholder="Click a row, or choose",
            format_func=lambda one: _NEW_LABEL if one == NEW else labels[one],
            key=RESERVATION,
            width=360,
        )
        if can_change:
            st.button("New reservation", icon=":material/add:", on_click=_choose, args=(NEW,), key="buffers.reservations.new")
        if chosen:
            st.button("Close", icon=":material/close:", on_click=_choose, args=(None,), key="buffers.reservations.close")
    if chosen not in (None, NEW):
        st.session_state[f"buffers.reservation.{chosen}.label"] = labels[chosen]
    return chosen


def _choose(reservation: str | None) -> None:
    st.session_state[RESERVATION] = reservation


def _editor(chosen: str, rows: pl.DataFrame, can_change: bool, key: str) -> ReservationEdit | None:
    matches = rows.filter(pl.col("reservation_id") == (_UNSAVED if chosen == NEW else int(chosen)))
    stored = None if matches.is_empty() else matches.row(0, named=True)
    own = f"{key}.reservation.{chosen}"  # what all keys of this reservation's fields begin with
    seen: dict[str, Any] = st.session_state.setdefault(f"{own}.seen", {} if stored is None else dict(stored))
    title = f"{_covers(seen, records.names())}: what is kept, and what would change?" if seen else _NEW_LABEL
    st.subheader(words.plain(title), anchor=False)
    form, result = st.columns([1, 1], gap="medium")
    with form:
        # by version: fields of the same key would go on showing what was typed, when theirs is taken
        draft, unreadable = _fields(seen, f"{own}.v{seen.get('version', 0)}", not can_change)
        tried, problems_by_place = st.session_state.get(f"{key}.refused", (None, {}))
        draft_problems = problems(draft, now_us())
        refused = problems_by_place.get(0, {}) if tried == draft else {}
        if unreadable:
            refused = {"units": f"“{unreadable}” is not a whole number of units: write one like 5."}
        with st.container():
            for name in [name for name in FIELDS if name in refused]:
                st.error(f"**{FIELDS[name]}:** {words.plain(refused[name])}", icon=":material/error:")
            _changed_meanwhile(seen, stored, draft, f"{own}.differ")
        edited = _buttons(chosen, seen, stored, draft, own) if can_change else None
    with result:
        _effect(rows, draft, _UNSAVED if stored is None else int(chosen), {**draft_problems, "units": ""} if unreadable else draft_problems)
    return edited


def _fields(seen: dict[str, Any], key: str, disabled: bool) -> tuple[ReservationDraft, str]:
    """The draft, and what is typed for its units if it is no number."""
    named = records.names()
    with st.grid(2, min_column_width=180, gap="small"):
        sku = st.text_input("SKU", seen.get("sku", ""), key=f"{key}.sku", placeholder="As in your catalogue", disabled=disabled)
        channels = _several(
            "For channels",
            default=seen.get("channel_ids", []),
            labels=named["channel_id"],
            placeholder="Choose",
            key=f"{key}.channel_ids",
            disabled=disabled,
        )
        how = st.selectbox(
            "Keep",
            ["units", "all"],
            index=int(bool(seen) and seen["units"] is None),
            format_func={"units": "A number of units", "all": "All units"}.__getitem__,
            key=f"{key}.keep",
            disabled=disabled,
        )
        is_all = how == "all"
        before = seen.get("units")
        text = st.text_input(
            "Units", "" if before is None else str(before), key=f"{key}.units", placeholder="5", disabled=disabled or is_all
        )
        locations = _several(
            "At locations",
            default=seen.get("location_ids", []),
            labels=named["location_id"],
            placeholder=_ANYWHERE,
            key=f"{key}.location_ids",
            disabled=disabled,
        )
        ends = st.date_input(
            "Last day (UTC)", buffers.last_day(seen.get("ends_at")), key=f"{key}.ends", format="YYYY-MM-DD", disabled=disabled
        )
    reason = st.text_input("Reason", seen.get("reason", ""), key=f"{key}.reason", max_chars=500, disabled=disabled)
    units = None if is_all else _whole(text)
    draft = ReservationDraft(sku.strip() or None, units, is_all, channels, locations, reason, buffers.end_of(ends))
    return draft, text.strip() if units is None and not is_all else ""


def _several(label: str, *, default: list[str], labels: dict[str, str], placeholder: str, key: str, disabled: bool) -> tuple[str, ...]:
    chosen = st.multiselect(
        label,
        list(labels),
        default=default,
        format_func=labels.__getitem__,
        placeholder=placeholder,
        key=key,
        disabled=disabled,
    )
    return tuple(chosen)


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _changed_meanwhile(seen: dict[str, Any], stored: dict[str, Any] | None, draft: ReservationDraft, key: str) -> None:
    if seen and stored is None:
        st.warning(
            "Someone removed this reservation since you opened it. What you typed is still here: save it as a new one, or close it.",
            icon=":material/sync_problem:",
        )
    if not seen or stored is None or stored["version"] == seen["version"]:
        return
    typed = {**draft.values(), "is_all": draft.is_all}
    differences = {
        FIELDS[name]: (_field_in_words(name, seen), _field_in_words(name, stored), _field_in_words(name, typed))
        for name in FIELDS
        if stored[name] != seen[name]
    }
    records.differing("Someone changed this reservation since you opened it. What you typed is still here:", differences, "Field", key)


def _field_in_words(name: str, values: dict[str, Any]) -> str:
    value = values[name]
    if name == "ends_at":
        return str(buffers.last_day(value) or "no end")
    if name == "units":
        return in_words(value) if value is not None or values.get("is_all", True) else ""
    if name in ("channel_ids", "location_ids"):
        return _listed(values, name, records.names()) or (_ANYWHERE if name == "location_ids" else "")
    return "" if value is None else str(value)


def _buttons(chosen: str, seen: dict[str, Any], stored: dict[str, Any] | None, draft: ReservationDraft, own: str) -> ReservationEdit | None:
    edited: ReservationEdit | None = None
    is_stale = stored is not None and stored["version"] != seen["version"]
    reservation_id = None if stored is None else int(chosen)
    label = "Overwrite with mine" if is_stale else "Save as a new one" if seen and stored is None else "Save"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if st.button(label, type="primary", icon=":material/save:", key=f"{own}.save"):
            edited = ReservationEdit(
                "save", chosen, draft, reservation_id, None if stored is None else (stored if is_stale else seen)["version"]
            )
        if is_stale:
            st.button("Discard mine", key=f"{own}.theirs", on_click=_take_theirs, args=(chosen,))
        if stored is not None:
            # its state is kept here, so that a live redraw leaves it open
            opened = st.popover("Remove", icon=":material/delete:", key=f"{own}.removing", on_change="rerun")
            with opened, st.form(f"{own}.remove", border=False):
                why = st.text_input("Reason for removal", key=f"{own}.why", max_chars=500)
                if st.form_submit_button("Remove the reservation"):
                    edited = ReservationEdit("remove", chosen, None, reservation_id, seen["version"], why)
    return edited


def _take_theirs(chosen: str) -> None:
    buffers.drop(f"buffers.reservation.{chosen}.")
    _choose(chosen)


def _effect(rows: pl.DataFrame, draft: ReservationDraft, reservation_id: int, draft_problems: dict[str, str]) -> None:
    st.markdown("**Effect of saving this now**")
    if draft_problems.keys() - {"reason"}:
        sentence = next((draft_problems[name] for name in FIELDS if draft_problems.get(name)), "")
        st.caption(f"Fill in the fields to preview. {words.plain(sentence)}")
        return
    if shared.levels(draft.sku or "").is_empty():
        st.info(f"Nothing changes now: “{words.plain(draft.sku or '')}” lies at no location.", icon=":material/info:")
        return
    mine = pl.DataFrame([{**draft.values(), "reservation_id": reservation_id}], schema=RESERVATIONS)
    others = rows.select(RESERVATIONS.names()).filter(pl.col("reservation_id") != reservation_id)
    buffers.effect(reads.effect(reservations=pl.concat([others, mine])))


def _history(reservation_id: int, can_change: bool, key: str) -> ReservationEdit | None:
    history = shared.history("reservation", reservation_id)
    button = f"{key}.reservations.undo.{reservation_id}" if can_change else None
    audit_id = records.changes(history, "reservation", _saved_in_words, button)
    return None if audit_id is None else ReservationEdit("undo", str(reservation_id), audit_id=audit_id)


def _removed(rows: pl.DataFrame, can_change: bool, key: str) -> ReservationEdit | None:
    """The changes of the reservation that was removed last in this session, which can be undone though it is in no list any more."""
    removed = st.session_state.get(f"{key}.reservations.removed")
    if removed is None or removed in rows["reservation_id"]:
        return None
    return _history(removed, can_change, key)


def _saved_in_words(text: str | None) -> str:
    """A reservation's values as one line."""
    if text is None:
        return "—"
    values = json.loads(text)
    ends = f", until {buffers.last_day(values['ends_at'])}" if values["ends_at"] else ""
    return f"{in_words(values['units'])} of {_covers(values, records.names())}{ends} ({values['reason']})"
