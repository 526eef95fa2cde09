"""The buffers page's parts: the table of rules, the editor of one, the effect of a change, and a rule's history."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.buffers import reads
from dashboard.shell import downloads, filters, links, records, said, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.domain.buffer_rules import MAX_REASON, SCOPE_FIELDS, RuleDraft, amount_in_words, covers, problems
from data_access.domain.buffers import RULES
from data_access.engine import now_us
from data_access.errors import ChangedMeanwhile
from data_access.queries.withheld import by_channel

NEW: Final = "new"
ROUND: Final = "buffers-round"  # part of the key of what can only be emptied by drawing another: an upload
RULE: Final = "rule"  # the key of the choice of a rule, and so its name in the address
RESERVATION: Final = "reservation"
_NEW_LABEL: Final = "A new rule"
VIEWS: Final = {
    "rules": "Rules",
    "many": "Many at once",
    "file": "From a file",
    "reservations": "Reservations",
    "listings": "Listing maxima",
    "test": "Back-test",
}
LEVELS: Final = {
    "channel_sku": "One SKU on one channel",
    "sku": "One SKU on all channels",
    "channel_category": "A category on one channel",
    "category": "A category on all channels",
    "channel": "Everything on one channel",
    "location": "One SKU at one location",
}
BASES: Final = {"units": "Units", "percent": "% of the pool", "days": "Days of demand"}
STATES: Final = {"active": "✓ Active", "ending": "◷ Ending soon", "ended": "✕ Ended", "without effect": "○ Without effect"}
FIELDS: Final = {
    "level": "Scope",
    "channel_id": "Channel",
    "sku": "SKU",
    "category": "Category",
    "location_id": "Location",
    "basis": "Unit",
    "amount": "Amount",
    "reason": "Reason",
    "ends_at": "Ends",
}
_PLACEHOLDER: Final = 10_000_000_000_000  # the id of a rule that is not saved yet, above all row ids there are
_SHOWN: Final = 50
_DAY: Final = 86_400_000_000
_TABLE_COLUMNS: Final[dict[str, Any]] = {
    "covers": st.column_config.TextColumn("Covers", width="medium"),
    "amount": "Withholds",
    "state": "State",
    "decides": st.column_config.NumberColumn(
        "Winning rule for (SKU x channel)",
        format="localized",
        help="SKU x channel pairs where this is the most specific rule, so that it applies.",
    ),
    "withheld": st.column_config.NumberColumn(
        "Withheld now (units)", format="localized", help="Over the channels it covers; no more than there are."
    ),
    "zeros": st.column_config.NumberColumn(
        "Reduced to zero (SKUs)", format="localized", help="SKU x channel pairs with stock, but nothing to sell because of this rule."
    ),
    "ends": st.column_config.DateColumn("Ends after (UTC)", format="YYYY-MM-DD"),
    "reason": st.column_config.TextColumn("Reason", width="medium"),
}


@dataclass(frozen=True, slots=True)
class RuleEdit:
    """What a person asks for: save a draft, remove a rule, or undo a change. `version`: of the rule as it was seen."""

    act: str
    draft: RuleDraft | None = None
    rule_id: int | None = None
    version: int | None = None
    why: str = ""
    audit_id: int = 0


def last_day(ends_at: int | None) -> date | None:
    """The last day (UTC) on which a rule counts."""
    return None if ends_at is None else datetime.fromtimestamp((ends_at - 1) / 1e6, UTC).date()


def end_of(day: object) -> int | None:
    """The moment at which a day (UTC) that was typed is over; None if none was."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000 + _DAY if isinstance(day, date) else None


def choose_view() -> str:
    """Draw the choice of what to look at: one of `VIEWS`. It is in the address."""
    filters.hold(Filter("view", VIEWS, default="rules"))
    chosen = st.segmented_control(
        "Show",
        list(VIEWS),
        required=True,
        format_func=VIEWS.__getitem__,
        key="view",
        label_visibility="collapsed",
    )
    return str(chosen)


def table(rows: pl.DataFrame, key: str) -> None:
    """Draw `withheld.RULE_TABLE`; a click on a row opens its rule in the editor."""
    if rows.is_empty():
        st.info("No rule withholds anything: every channel may sell all that is in stock for it.", icon=":material/info:")
        return
    st.caption(
        f"{words.counted(rows.filter(pl.col('state') != 'ended').height, 'rule')} in force. The most specific rule applies: "
        "channel and SKU, then SKU, then channel and category, then category, then channel. A location buffer is a step of its own, "
        "before the pool."
    )
    named = records.names()
    shown = pl.DataFrame(
        [
            {
                "covers": covers(row, named),
                "amount": amount_in_words(row["basis"], row["amount"]),
                "state": STATES[row["state"]],
                "decides": row["decides"],
                "withheld": row["withheld"],
                "zeros": row["zeros"],
                "ends": last_day(row["ends_at"]),
                "reason": row["reason"],
            }
            for row in rows.iter_rows(named=True)
        ],
        schema_overrides={"ends": pl.Date},
    )
    ids = [str(one) for one in rows["rule_id"].to_list()]
    records.clickable(shown, ids, RULE, f"{key}.grid", _TABLE_COLUMNS, "Buffer rules: choose a row to see and change it")
    downloads.buttons(shown, "buffer-rules", key)


def ask(rows: pl.DataFrame, can_change: bool) -> str | None:
    """Draw the choice of the rule to look at, which a click on a row fills, and which is in the address; its id, `NEW`, or None."""
    labels = _labels(rows)
    options = [NEW, *labels] if can_change else list(labels)
    if st.session_state.get(RULE) not in (None, *options):
        st.session_state[RULE] = None
    if not options:
        return None
    filters.hold(Filter(RULE, {**labels, NEW: _NEW_LABEL} if can_change else labels))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen: str | None = st.selectbox(
            "Rule",
            options,
            index=None,
            placeholder="Click a row, or choose",
            format_func=lambda one: _NEW_LABEL if one == NEW else labels[one],
            key=RULE,
            width=360,
        )
        if can_change:
            st.button("New rule", icon=":material/add:", on_click=choose, args=(NEW,), key="buffers.new")
        if chosen:
            st.button("Close", icon=":material/close:", on_click=choose, args=(None,), key="buffers.close")
    return chosen


def arrive(rows: pl.DataFrame) -> None:
    """On arriving by a link: take a rule's id too, and say so if the rule is not there any more. Call it before the rules are drawn."""
    asked = st.query_params.get(RULE)
    labels = _labels(rows)
    if RULE in st.session_state or asked is None or asked in (*labels.values(), _NEW_LABEL):
        return
    if asked in (*labels, NEW):
        st.session_state[RULE] = asked
    else:
        said.keep("buffers", "The rule that the link asks for is not there any more: choose another.", is_warning=True)


def arrive_with_draft() -> None:
    """On arriving by a link of `links.draft_of_buffer`, once there is somebody who may change rules: open the rule that it asks for."""
    asked = st.query_params.get_all(links.DRAFT)
    if not asked:
        return
    del st.query_params[links.DRAFT]
    sku, reason, *channels = [*asked, ""]
    known = [one for one in channels if one in records.names()["channel_id"]]
    scope = {"level": "channel_sku", "channel_id": known[0], "sku": sku} if known else {"level": "sku", "sku": sku}
    open_draft(scope, {"amount": "100", "basis.3": "percent", "reason": reason[:MAX_REASON]})


def open_draft(scope: Mapping[str, str], typed: Mapping[str, str]) -> None:
    """Open the rule of a scope, or a new one, with some of its fields typed in: nothing is saved yet. A callback too."""
    same = shared.rules().filter(pl.all_horizontal(pl.col(name) == value for name, value in scope.items()))
    rule = NEW if same.is_empty() else str(same["rule_id"][0])
    forget(f"buffers.rule.{rule}.")
    for name, value in {**(scope if rule == NEW else {}), **typed}.items():
        st.session_state[f"buffers.rule.{rule}.{name}"] = value
    choose(rule)
    st.session_state["view"] = "rules"


def _labels(rows: pl.DataFrame) -> dict[str, str]:
    named = records.names()
    return {str(row["rule_id"]): covers(row, named) for row in rows.iter_rows(named=True)}


def choose(rule: str | None) -> None:
    """Open a rule in the editor; None closes it. A callback."""
    st.session_state[RULE] = rule


def editor(chosen: str, rows: pl.DataFrame, can_change: bool, key: str) -> RuleEdit | None:
    """Draw the fields of a rule, the effect of what is typed, and what can be done; what a person decided.

    What the command refused stands below the fields (`{key}.refused`: the draft, and sentences by field) until they are changed.
    """
    stored = None if chosen == NEW else rows.row(by_predicate=pl.col("rule_id") == int(chosen), named=True)
    own = f"{key}.rule.{chosen}"  # what all keys of this rule's fields begin with
    seen: dict[str, Any] = st.session_state.setdefault(f"{own}.seen", {} if stored is None else dict(stored))
    title = "A new rule" if stored is None else f"{covers(seen, records.names())}: what is withheld, and what would change?"
    st.subheader(words.plain(title), anchor=False)
    form, result = st.columns([1, 1], gap="medium")
    with form:
        draft, readable = _fields(seen, own, not can_change)
        tried, problems_by_place = st.session_state.get(f"{key}.refused", (None, {}))
        refused = problems_by_place.get(0, {})
        draft_problems = problems(draft, now_us())
        is_stale = stored is not None and stored["version"] != seen["version"]
        with st.container():
            for name, sentence in refused.items() if tried == draft and readable else ():
                st.error(f"**{FIELDS.get(name, name)}:** {words.plain(sentence)}", icon=":material/error:")
            if stored is not None and is_stale:
                changed_meanwhile("this rule", seen, dict(stored), draft, f"{own}.differ")
        decided = _buttons(chosen, seen, stored, draft, is_stale, own) if can_change else None
    with result:
        _effect(rows, draft, chosen, stored, draft_problems if readable else {**draft_problems, "amount": ""})
    return decided


def _fields(seen: dict[str, Any], key: str, disabled: bool) -> tuple[RuleDraft, bool]:
    named = records.names()
    with st.grid(2, min_column_width=180, gap="small"):
        level = st.selectbox(
            "Scope",
            list(LEVELS),
            index=list(LEVELS).index(seen.get("level", "channel_sku")),
            format_func=LEVELS.__getitem__,
            key=f"{key}.level",
            disabled=disabled,
        )
        scope: dict[str, str | None] = {}
        for name in SCOPE_FIELDS[level]:
            if name == "sku":
                typed = st.text_input("SKU", seen.get("sku") or "", key=f"{key}.sku", placeholder="As in your catalogue", disabled=disabled)
                scope["sku"] = typed.strip() or None
                continue
            labels = {one: one for one in shared.categories()} if name == "category" else named[name]
            before = seen.get(name)
            scope[name] = st.selectbox(
                FIELDS[name],
                list(labels),
                index=list(labels).index(before) if before in labels else None,
                format_func=labels.__getitem__,
                key=f"{key}.{name}",
                disabled=disabled,
            )
        bases = ["units"] if level == "location" else list(BASES)
        before_basis = seen.get("basis", "units")
        basis = st.selectbox(
            "Unit",
            bases,
            index=bases.index(before_basis) if before_basis in bases else 0,
            format_func=BASES.__getitem__,
            key=f"{key}.basis.{len(bases)}",
            disabled=disabled,
        )
        text = st.text_input("Amount", f"{seen['amount']:g}" if seen else "", key=f"{key}.amount", placeholder="5", disabled=disabled)
        reason = st.text_input("Reason", seen.get("reason", ""), key=f"{key}.reason", max_chars=MAX_REASON, disabled=disabled)
        ends = st.date_input("Last day (UTC)", last_day(seen.get("ends_at")), key=f"{key}.ends", format="YYYY-MM-DD", disabled=disabled)
    amount = number(text)
    if text.strip() and amount is None:
        st.error(f"**Amount:** “{words.plain(text)}” is not a number: write one like 5 or 2.5.", icon=":material/error:")
    return RuleDraft(level=level, **scope, basis=basis, amount=amount, reason=reason, ends_at=end_of(ends)), amount is not None


def number(text: str) -> float | None:
    """What was typed, if it can be read as a number."""
    try:
        return float(text.strip())
    except ValueError:
        return None


def changed_meanwhile(name: str, seen: dict[str, Any], stored: dict[str, Any], draft: RuleDraft, key: str) -> None:
    """Say field by field what another changed since a rule was `seen`, beside what is typed. `name`: of the rule, in words."""
    typed = draft.values()
    differences = {
        FIELDS[name]: (_field_in_words(name, seen), _field_in_words(name, stored), _field_in_words(name, typed))
        for name in FIELDS
        if stored[name] != seen[name]
    }
    records.differing(f"Someone changed {name} since you opened it. What you typed is still here:", differences, "Field", key)


def _field_in_words(name: str, values: dict[str, Any]) -> str:
    value = values[name]
    if name == "ends_at":
        return str(last_day(value) or "no end")
    if name == "amount":
        return "" if value is None else f"{value:g}"
    labels = {"level": LEVELS, "basis": BASES, **records.names()}.get(name, {})
    return labels.get(value, "" if value is None else str(value))


def _buttons(
    chosen: str, seen: dict[str, Any], stored: dict[str, Any] | None, draft: RuleDraft, is_stale: bool, own: str
) -> RuleEdit | None:
    decided: RuleEdit | None = None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        label = "Overwrite with mine" if is_stale else "Save"
        if st.button(label, type="primary", icon=":material/save:", key=f"{own}.save"):
            version = stored["version"] if is_stale and stored is not None else seen.get("version")
            decided = RuleEdit("save", draft, None if chosen == NEW else int(chosen), version)
        if is_stale and st.button("Discard mine", key=f"{own}.theirs"):
            drop(f"{own}.")
            st.rerun()
        if stored is not None:
            # its state is kept here, so that a live redraw leaves it open
            opened = st.popover("Remove", icon=":material/delete:", key=f"{own}.removing", on_change="rerun")
            with opened, st.form(f"{own}.remove", border=False):
                why = st.text_input("Reason for removal", key=f"{own}.why", max_chars=500)
                if st.form_submit_button("Remove the rule"):
                    decided = RuleEdit("remove", None, int(chosen), seen["version"], why)
    return decided


def forget(prefix: str) -> None:
    """Drop what was typed in fields whose keys begin like this, so that they show what is stored; what they were of is closed."""
    drop(prefix)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    for choice in (RULE, RESERVATION):
        if prefix.startswith(f"buffers.{choice}."):
            st.session_state[choice] = None


def drop(prefix: str, keeping: str | None = None) -> None:
    """Drop what the session has under keys that begin like this; not under those that begin with `keeping`."""
    for name in [str(name) for name in st.session_state if str(name).startswith(prefix)]:
        if keeping is None or not name.startswith(keeping):
            del st.session_state[name]


def _effect(rows: pl.DataFrame, draft: RuleDraft, chosen: str, stored: dict[str, Any] | None, draft_problems: dict[str, str]) -> None:
    st.markdown("**Effect of saving this now**")
    if draft_problems.keys() - {"reason"}:
        sentence = next((draft_problems[name] for name in FIELDS if draft_problems.get(name)), "")
        st.caption(f"Fill in the fields to preview. {words.plain(sentence)}")
        return
    rule_id = _PLACEHOLDER if stored is None else int(chosen)
    mine = pl.DataFrame([{**draft.values(), "rule_id": rule_id, "version": 0}], schema=RULES)
    others = rows.select(RULES.names()).filter(pl.col("rule_id") != rule_id)
    effect(reads.effect(pl.concat([others, mine])))


def effect(changes: pl.DataFrame) -> None:
    """Draw `domain.buffers.EFFECT`: by channel, then by SKU, those that go to zero first."""
    if changes.is_empty():
        st.info("Nothing changes now: what may be sold of each SKU stays as it is.", icon=":material/info:")
        return
    named = records.names()["channel_id"]
    lines = by_channel(changes)
    for row in lines.iter_rows(named=True):
        zero = f", **{words.counted(row['to_zero'], 'SKU goes', 'SKUs go')} to zero**" if row["to_zero"] else ""
        back = f", {words.counted(row['from_zero'], 'SKU')} can be sold again" if row["from_zero"] else ""
        st.markdown(
            f"{words.plain(named.get(row['channel_id'], row['channel_id']))}: {words.counted(row['skus'], 'SKU')} from "
            f"{words.units(row['before'])} to {words.counted(row['after'], 'unit')} available to sell{zero}{back}."
        )
    first = changes.sort((pl.col("after") == 0), (pl.col("before") - pl.col("after")).abs(), "sku", descending=[True, True, False])
    st.dataframe(
        first.head(_SHOWN).select("sku", pl.col("channel_id").replace(named).alias("channel"), "before", "after"),
        hide_index=True,
        height="content" if first.height <= 6 else 250,
        column_config={
            "sku": "SKU",
            "channel": "Channel",
            "before": st.column_config.NumberColumn("Available to sell now (units)", format="localized"),
            "after": st.column_config.NumberColumn("After saving (units)", format="localized"),
        },
        alt="SKUs whose available to sell would change, those that go to zero first",
    )
    if first.height > _SHOWN:
        st.caption(f"The first {_SHOWN} of {words.counted(first.height, 'figure')} that change, those that go to zero first.")


def history(rule_id: int, can_change: bool, key: str) -> RuleEdit | None:
    """Draw who changed a rule, when, from what to what; whether the last change is to be undone."""
    audit_id = records.changes(
        shared.history("buffer_rule", rule_id), "rule", rule_in_words, f"{key}.undo.{rule_id}" if can_change else None
    )
    return None if audit_id is None else RuleEdit("undo", rule_id=rule_id, audit_id=audit_id)


def rule_in_words(text: str | None) -> str:
    """A rule's values as one line."""
    if text is None:
        return "—"
    values = json.loads(text)
    ends = f", until {last_day(values['ends_at'])}" if values["ends_at"] else ""
    return f"{covers(values, records.names())}: {amount_in_words(values['basis'], values['amount'])}{ends} ({values['reason']})"


def conflict(error: ChangedMeanwhile) -> str:
    """What to say when a rule was changed or removed meanwhile."""
    more = (
        "What you typed is kept: look at what changed, then overwrite it with yours, or discard yours."
        if error.now
        else "It can be added again."
    )
    return f"{error} {more}"
