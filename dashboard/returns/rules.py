"""Rules for returns by channel and category: what holds, and setting them."""

from functools import partial
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.returns import reads
from dashboard.shell import reads as shared
from dashboard.shell import records, user, words
from dashboard.shell.act import act
from data_access.commands.returns import RuleOfReturns, remove_rule, set_rule
from data_access.domain.returns.rules import MOST_CONDITION, MOST_DAYS, RULE, defaults, with_rules
from data_access.errors import Refused

PAGE = "returns"
_KEY: Final = "returns.rule"
_COLUMNS: Final[dict[str, Any]] = {
    "for": st.column_config.TextColumn("For", width="medium"),
    "window": "Return window",
    "approval": "Approval",
    "inspect": "Inspect within",
    "refund": "Refund within",
    "condition": st.column_config.TextColumn("Sold again if", width="medium"),
    "from": st.column_config.TextColumn("From", width="large"),
}


def show(can_change: bool) -> None:
    """Draw what holds for each channel, and the form to set a rule."""
    own = reads.rules()
    with st.expander("Rules for returns: window, approval, inspection, refund, condition", icon=":material/gavel:"):
        st.container(key="returns-rules").dataframe(
            _shown(own), hide_index=True, placeholder="—", column_config=_COLUMNS, alt="Rules for returns, by channel and category"
        )
        st.caption(
            "A rule for a channel and a category comes before one for the channel, that before one for the category, then one for all."
        )
        if can_change:
            _form(own)


def _shown(own: pl.DataFrame) -> pl.DataFrame:
    channels = records.names()["channel_id"]
    kinds = reads.marketplaces().with_columns(category=pl.lit(None, pl.String))
    hold = with_rules(kinds, own.filter(pl.col("channel_id").is_null() & pl.col("category").is_null()), defaults())
    sources = {one.marketplace: f"comes with OnHand ({one.as_of}, grade {one.grade}): {one.source}" for one in defaults()}
    for_all = own.filter(pl.col("channel_id").is_null() & pl.col("category").is_null()).height > 0
    mine = [{**row, "from": "set here"} for row in own.iter_rows(named=True)]
    has_own = set(own.filter(pl.col("category").is_null())["channel_id"])
    others = [
        {**row, "from": sources.get(row["marketplace"] or "*", sources["*"])}
        for row in hold.iter_rows(named=True)
        if row["channel_id"] not in has_own and not for_all
    ]
    return pl.DataFrame(
        [
            {
                "for": _for(row["channel_id"], row["category"], channels),
                "window": "no end" if row["window_days"] is None else words.counted(row["window_days"], "day"),
                "inspect": words.counted(row["inspect_days"], "day"),
                "approval": "by a person" if row["needs_approval"] else "not needed",
                "refund": words.counted(row["refund_days"], "day"),
                "condition": row["condition"],
                "from": row["from"],
            }
            for row in (*mine, *others)
        ],
        schema=dict.fromkeys(_COLUMNS, pl.String),
    )


def _for(channel_id: str | None, category: str | None, channels: dict[str, str]) -> str:
    parts = [channels.get(channel_id, channel_id) if channel_id else "All channels", category or "all categories"]
    return ", ".join(parts)


def _form(own: pl.DataFrame) -> None:
    channels, categories = records.names()["channel_id"], [name for name in shared.categories() if name]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel_id: str | None = st.selectbox(
            "Rule for the channel",
            list(channels),
            index=None,
            format_func=channels.__getitem__,
            placeholder="All channels",
            key=f"{_KEY}.channel",
            width=220,
        )
        category: str | None = st.selectbox(
            "and the category", categories, index=None, placeholder="All categories", key=f"{_KEY}.category", width=220
        )
    stored = own.filter(pl.col("channel_id").eq_missing(channel_id) & pl.col("category").eq_missing(category))
    version = None if stored.is_empty() else int(stored["version"][0])
    place = f"{_KEY}.{channel_id}.{category}"
    rule = _asked(place, stored, channel_id, category)
    seen = st.session_state.setdefault(f"{place}.seen", version)
    if seen != version:
        st.warning("Someone changed this rule meanwhile; what holds is in the table. Saving replaces it.", icon=":material/sync_problem:")
    with st.container(horizontal=True):
        if st.button("Save the rule", type="primary", icon=":material/save:", key=f"{_KEY}.save"):
            st.session_state[f"{place}.seen"] = version
            act(PAGE, partial(_saved, rule, seen), refused=partial(_refused, place), saved=partial(_forget, place))
        if version is not None and st.button("Remove the rule", icon=":material/delete:", key=f"{_KEY}.remove"):
            act(PAGE, partial(_removed, int(stored["rule_id"][0]), version), saved=partial(_forget, place))


def _asked(place: str, stored: pl.DataFrame, channel_id: str | None, category: str | None) -> RuleOfReturns:
    """Draw the fields, filled with what holds; the rule that they say."""
    if stored.is_empty():
        kind = reads.marketplaces().filter(pl.col("channel_id").eq_missing(channel_id)).with_columns(category=pl.lit(category, pl.String))
        common = pl.DataFrame([{"channel_id": None, "marketplace": None, "category": category}], schema=kind.schema)
        stored = with_rules(kind if kind.height else common, reads.rules().drop("rule_id", "version"), defaults())
    now = stored.select(RULE.names()).row(0, named=True)
    for sentence in st.session_state.get(f"{place}.refused", {}).values():
        st.error(words.plain(sentence), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        window = st.number_input(
            "Return window (days)", 0, MOST_DAYS, now["window_days"], key=f"{place}.window", placeholder="no end", width=180
        )
        inspect = st.number_input("Inspect within (days)", 0, MOST_DAYS, now["inspect_days"], key=f"{place}.inspect", width=180)
        refund = st.number_input("Refund within (days)", 0, MOST_DAYS, now["refund_days"], key=f"{place}.refund", width=180)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        condition = st.text_input("Sold again if", now["condition"], key=f"{place}.condition", max_chars=MOST_CONDITION, width=420)
        approval = st.checkbox("A person approves requests", now["needs_approval"], key=f"{place}.approval")
    days = None if window is None else int(window)
    return RuleOfReturns(channel_id, category, days, int(inspect), condition, int(refund), approval)


def _refused(place: str, refusal: Refused) -> bool:
    st.session_state[f"{place}.refused"] = refusal.problems.get(0, {})
    return True


def _forget(place: str) -> None:
    for name in ("seen", "refused"):
        st.session_state.pop(f"{place}.{name}", None)


def _saved(rule: RuleOfReturns, version: int | None) -> str:
    set_rule(shared.engine(), rule, user.current(), version)
    return f"The rule for {_for(rule.channel_id, rule.category, records.names()['channel_id'])} is saved."


def _removed(rule_id: int, version: int) -> str:
    remove_rule(shared.engine(), rule_id, version, user.current())
    return "The rule is removed: the next closest holds."
