"""Many buffer rules at once: a grid of the rules there are, and one change for all SKUs that a filter finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.buffers import reads
from dashboard.buffers import rules as buffers
from dashboard.shell import filters, records, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.commands.buffers import MOST_AT_ONCE, Change
from data_access.domain.buffer_bulk import planned, with_plan
from data_access.domain.buffer_rules import RuleDraft, amount_in_words, covers
from data_access.domain.buffer_rules import problems as problems_of
from data_access.domain.buffers import RULES
from data_access.engine import now_us

KEY: Final = "buffers.many"
OPERATIONS: Final = {"add": "Add units", "take": "Take units away", "set": "Set to"}
OUTCOMES: Final = {"new": "✚ New rule", "change": "✎ Rule changes", "same": "= Stays as it is", "left": "○ Left as it is"}
_COUNTED: Final = {
    "new": ("SKU gets a rule", "SKUs get a rule"),
    "change": ("rule changes", "rules change"),
    "same": ("SKU stays as it is", "SKUs stay as they are"),
    "left": ("SKU is left as it is", "SKUs are left as they are"),
}
SHOWN: Final = 200
_FIRST_ID: Final = 10_000_000_000_000  # of rules that are not saved yet, above all row ids there are
_BASES: Final = {label: basis for basis, label in buffers.BASES.items()}


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """Rules to save together. `finished`: what the keys of the fields begin with that are done with then."""

    changes: tuple[Change, ...]
    finished: str


def show(rows: pl.DataFrame, can_change: bool) -> RuleChanges | None:
    """Draw the filters, the grid of the rules that match (`withheld.RULE_TABLE`), and the change by filter; what a person asks for."""
    where = _filters()
    with st.container(border=True):
        st.markdown("**Edit existing rules:** type into the grid, then save all at once")
        asked = _grid(_matching(rows, where), can_change)
    with st.container(border=True):
        st.markdown("**One change for all SKUs of the filter** on the channel chosen: each gets a rule of its own")
        if where["channel_id"] is None:
            st.caption("Choose a channel above; a category or text narrows it.")
            return asked
        return _bulk(rows, where, can_change) or asked


def _filters() -> dict[str, Any]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel_id = records.ask_channel()
        filters.hold(Filter("category", {one: one for one in shared.categories()}, is_several=True), Filter("q", default=""))
        categories = st.multiselect("Category", shared.categories(), key="category", placeholder="All", width=280)
        text = st.text_input("SKU or name", key="q", placeholder="Search", width=220)
    return {"channel_id": channel_id, "categories": tuple(categories), "text": text.strip().lower()}


def _matching(rows: pl.DataFrame, where: Mapping[str, Any]) -> pl.DataFrame:
    """Rules that cover something of what the filter finds."""

    def if_in_scope(name: str, condition: pl.Expr) -> pl.Expr:
        return pl.col(name).is_null() | condition

    keep = pl.lit(True)
    if where["channel_id"]:
        keep &= if_in_scope("channel_id", pl.col("channel_id") == where["channel_id"])
    if where["categories"]:
        skus = shared.products().filter(pl.col("category").is_in(where["categories"]))["sku"]
        keep &= if_in_scope("category", pl.col("category").is_in(where["categories"]))
        keep &= if_in_scope("sku", pl.col("sku").is_in(skus.implode()))
    if where["text"]:
        named = _named_like(where["text"])
        keep &= if_in_scope("sku", pl.col("sku").is_in(named["sku"].implode()))
        keep &= if_in_scope("category", pl.col("category").is_in(named["category"].unique().implode()))
    return rows.filter(keep)


def _named_like(text: str) -> pl.DataFrame:
    like = [pl.col(name).str.to_lowercase().str.contains(text, literal=True) for name in ("sku", "name")]
    return shared.products().filter(pl.any_horizontal(like))


# ---- the grid ------------------------------------------------------------------------------------------------------


def _grid(rows: pl.DataFrame, can_change: bool) -> RuleChanges | None:
    edits: dict[int, dict[str, Any]] = dict(st.session_state.get(f"{KEY}.grid", {}).get("edited_rows", {}))
    # while something is typed, the rows stay as they were seen: what others change meanwhile is told below, not slipped in
    seen: pl.DataFrame = st.session_state[f"{KEY}.seen"] if edits and f"{KEY}.seen" in st.session_state else rows.head(SHOWN)
    st.session_state[f"{KEY}.seen"] = seen
    if seen.is_empty():
        st.caption("No rule matches.")
        return None
    named = records.names()
    shown = pl.DataFrame(
        [
            {
                "covers": covers(row, named),
                "basis": buffers.BASES[row["basis"]],
                "amount": row["amount"],
                "reason": row["reason"],
                "last_day": buffers.last_day(row["ends_at"]),
            }
            for row in seen.iter_rows(named=True)
        ],
        schema_overrides={"last_day": pl.Date},
    )
    st.data_editor(
        shown,
        key=f"{KEY}.grid",
        hide_index=True,
        disabled=["covers"] if can_change else True,
        column_config={
            "covers": st.column_config.TextColumn("Covers", width="medium"),
            "basis": st.column_config.SelectboxColumn("Unit", options=list(_BASES), required=True),
            "amount": st.column_config.NumberColumn("Amount", format="%g"),
            "reason": st.column_config.TextColumn("Reason", width="large", max_chars=500),
            "last_day": st.column_config.DateColumn("Last day (UTC)", format="YYYY-MM-DD"),
        },
        alt="Buffer rules: amount, reason and last day can be written into",
    )
    if rows.height > SHOWN:
        st.caption(f"The first {SHOWN} of {words.counted(rows.height, 'rule')}: narrow the filter for the others.")
    changes = [_edited(seen.row(place, named=True), edit) for place, edit in sorted(edits.items()) if place < seen.height]
    return _save_grid(seen, changes) if changes and can_change else None


def _edited(row: Mapping[str, Any], edit: Mapping[str, Any]) -> Change:
    values = {name: row[name] for name in ("level", "channel_id", "sku", "category", "location_id", "basis", "amount", "reason", "ends_at")}
    if "basis" in edit:
        values["basis"] = _BASES[edit["basis"]]
    if "amount" in edit:
        values["amount"] = None if edit["amount"] is None else float(edit["amount"])
    if "reason" in edit:
        values["reason"] = edit["reason"] or ""
    if "last_day" in edit:
        values["ends_at"] = buffers.end_of(date.fromisoformat(edit["last_day"][:10]) if edit["last_day"] else None)
    return Change(RuleDraft(**values), row["rule_id"], row["version"])


def _save_grid(seen: pl.DataFrame, changes: list[Change]) -> RuleChanges | None:
    now = {row["rule_id"]: row for row in reads.rule_table().iter_rows(named=True)}
    opened = {row["rule_id"]: row for row in seen.iter_rows(named=True)}
    gone = [change for change in changes if change.rule_id not in now]
    stale = [change for change in changes if change.rule_id in now and now[change.rule_id]["version"] != change.version]
    wrong = {place: problems_here for place, change in enumerate(changes) if (problems_here := problems_of(change.draft, now_us()))}
    with st.container():
        problems(changes, wrong or refused(tuple(changes)))
        for change in gone:
            sentence = f"{_name(change.draft)}: someone removed this rule meanwhile; it is not saved."
            st.warning(words.plain(sentence), icon=":material/sync_problem:")
        for change in stale:
            there, was = now[change.rule_id], opened[change.rule_id]
            buffers.changed_meanwhile(
                f"the rule of {_name(change.draft)}", dict(was), dict(there), change.draft, f"{KEY}.differ.{change.rule_id}"
            )
    able = tuple(
        Change(change.draft, change.rule_id, now[change.rule_id]["version"] if change in stale else change.version)
        for change in changes
        if change not in gone
    )
    if not wrong and able:
        drafted = pl.DataFrame([{**one.draft.values(), "rule_id": one.rule_id, "version": 0} for one in able], schema=RULES)
        kept = shared.rules().join(drafted.select("rule_id"), on="rule_id", how="anti")
        st.markdown("**Effect of saving these now**")
        buffers.effect(reads.effect(pl.concat([kept.select(RULES.names()), drafted])))
    with st.container(horizontal=True):
        label = f"Save {words.counted(len(able), 'rule')}" + (", overwriting what others changed" if stale else "")
        if st.button(label, type="primary", icon=":material/save:", key=f"{KEY}.save", disabled=bool(wrong) or not able):
            return RuleChanges(able, f"{KEY}.")
        st.button("Discard what I typed", key=f"{KEY}.drop", icon=":material/undo:", on_click=buffers.forget, args=(f"{KEY}.",))
    return None


def refused(typed: object) -> dict[int, dict[str, str]]:
    """Why the command refused exactly this, by the place of each rule and field; empty if it did not."""
    tried, problems_by_place = st.session_state.get("buffers.refused", (None, {}))
    return dict(problems_by_place) if tried == typed else {}


def problems(changes: Sequence[Change], wrong: Mapping[int, Mapping[str, str]]) -> None:
    """Draw what is wrong with rules, by the place of each and field; the first of them."""
    for place, problems_here in list(wrong.items())[:20]:
        for name, sentence in problems_here.items():
            of = f"{_name(changes[place].draft)}, {buffers.FIELDS.get(name, name)}:"
            st.error(f"**{words.plain(of)}** {words.plain(sentence)}", icon=":material/error:")


def _name(draft: RuleDraft) -> str:
    return words.plain(covers(draft.values(), records.names()))


# ---- one change for many -------------------------------------------------------------------------------------------


def _bulk(rows: pl.DataFrame, where: Mapping[str, Any], can_change: bool) -> RuleChanges | None:
    pairs = _pairs(where)
    own = f"{KEY}.bulk"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        operation = st.selectbox("What", list(OPERATIONS), format_func=OPERATIONS.__getitem__, key=f"{own}.what", width=180)
        basis = "units"
        if operation == "set":
            basis = st.selectbox("Unit", list(buffers.BASES), format_func=buffers.BASES.__getitem__, key=f"{own}.basis", width=160)
        text = st.text_input("Amount", key=f"{own}.amount", placeholder="2", width=120)
        reason = st.text_input("Reason", key=f"{own}.reason", max_chars=500, width=320)
        ends = st.date_input("Last day (UTC)", None, key=f"{own}.ends", format="YYYY-MM-DD", width=160)
    amount = buffers.number(text)
    if pairs.is_empty():
        st.caption("No SKU that this channel sells matches the filter.")
        return None
    if not text.strip():
        st.caption(f"{words.counted(pairs.height, 'SKU')} of the channel match: give an amount to see what would change.")
        return None
    ends_at = buffers.end_of(ends if isinstance(ends, date) else None)
    draft = RuleDraft("channel_sku", where["channel_id"], pairs["sku"][0], basis=basis, amount=amount, reason=reason, ends_at=ends_at)
    problems_here = problems_of(draft, now_us())
    if amount is None:
        problems_here = {"amount": f"“{text}” is not a number: write one like 5 or 2.5."}
    for name in problems_here.keys() - {"reason"}:
        st.error(f"**{buffers.FIELDS.get(name, name)}:** {words.plain(problems_here[name])}", icon=":material/error:")
    if amount is None or problems_here.keys() - {"reason"}:
        return None
    counting = rows.filter(pl.col("state") != "ended").select(RULES.names())
    plan = planned(pairs, rows.select(RULES.names()), counting, operation, basis, amount)  # type: ignore[arg-type]
    return _planned(rows, plan, reason, ends_at, problems_here.get("reason", ""), can_change)


def _pairs(where: Mapping[str, Any]) -> pl.DataFrame:
    """sku, channel_id, category: what the channel sells of what the filter finds."""
    matches = _named_like(where["text"]) if where["text"] else shared.products()
    if where["categories"]:
        matches = matches.filter(pl.col("category").is_in(where["categories"]))
    sold = reads.sold_on(where["channel_id"])
    return matches.join(sold, on="sku", how="semi").select("sku", pl.lit(where["channel_id"]).alias("channel_id"), "category")


def _planned(
    rows: pl.DataFrame, plan: pl.DataFrame, reason: str, ends_at: int | None, reason_problem: str, can_change: bool
) -> RuleChanges | None:
    changing = plan.filter(pl.col("outcome").is_in(["new", "change"]))
    counts = dict(plan["outcome"].value_counts().iter_rows())
    summary = "; ".join(words.counted(counts[name], *_COUNTED[name]) for name in _COUNTED if name in counts)
    st.markdown(f"**{summary}**")
    first = plan.sort(pl.col("outcome").replace_strict({"left": 0, "change": 1, "new": 1, "same": 2}), "sku").head(SHOWN)
    st.container(key=f"{KEY}.plan").dataframe(
        pl.DataFrame(
            [
                {
                    "SKU": row["sku"],
                    "Now": amount_in_words(row["basis_now"], row["amount_now"]) if row["basis_now"] else "nothing",
                    "Then": "" if row["outcome"] == "left" else amount_in_words(row["basis"], row["amount"]),
                    "What happens": row["note"] or OUTCOMES[row["outcome"]],
                }
                for row in first.iter_rows(named=True)
            ]
        ),
        hide_index=True,
        height=(min(first.height, 8) + 1) * 35 + 3,
        alt="What the change would do to each SKU, those that are left as they are first",
    )
    if plan.height > SHOWN:
        st.caption(f"The first {SHOWN} of {words.counted(plan.height, 'SKU')}.")
    if changing.is_empty():
        return None
    st.markdown("**Effect of saving these now**")
    buffers.effect(reads.effect(with_plan(rows, plan, reason, ends_at, _FIRST_ID)))
    if not can_change:
        return None
    changes = tuple(
        Change(
            RuleDraft(
                "channel_sku", row["channel_id"], row["sku"], basis=row["basis"], amount=row["amount"], reason=reason, ends_at=ends_at
            ),
            row["rule_id"],
            row["version"],
        )
        for row in changing.iter_rows(named=True)
    )
    with st.container():
        if reason_problem:
            st.caption(f"**Reason:** {words.plain(reason_problem)}")
        if len(changes) > MOST_AT_ONCE:
            st.error(
                f"{len(changes):,} rules are more than are saved at once ({MOST_AT_ONCE:,}): narrow the filter, or make one rule for the "
                "category or the channel.",
                icon=":material/error:",
            )
        problems(changes, refused(changes))
    disabled = bool(reason_problem) or len(changes) > MOST_AT_ONCE
    label = f"Save {words.counted(len(changes), 'rule')}"
    if st.button(label, type="primary", icon=":material/save:", key=f"{KEY}.bulk.save", disabled=disabled):
        return RuleChanges(changes, f"{KEY}.bulk.")
    return None
