"""What people decided of returned units of late, in words, and the undoing of one decision."""

import json
from collections import Counter
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.inspection.queue import PAST
from dashboard.shell import chosen, downloads, records, words

_COLUMNS: Final[dict[str, Any]] = {
    "when": "When (UTC)",
    "who": "Who",
    "what": st.column_config.TextColumn("What", width="large"),
    "sku": "Sold as",
    "channel": "Channel",
    "return": "Return",
    "note": st.column_config.TextColumn("Note", width="medium"),
}


def show(rows: pl.DataFrame, can_change: bool, key: str) -> int | None:
    """Draw `inspection.DECISIONS`; the audit entry of the one to be undone."""
    if rows.is_empty():
        st.info(
            "Nobody has decided on returned units here yet. What feeds and files say of them is with each return.", icon=":material/info:"
        )
        return None
    shown = _shown(rows)
    place = st.container()
    picked = chosen.several(
        shown, rows["audit_id"].to_list(), f"{key}.decided", _COLUMNS, "What was decided of returned units, newest first"
    )
    downloads.buttons(shown, "inspection-decided", f"{key}.decided")
    with place:
        if len(picked) != 1:
            st.caption(
                "Choose one decision to undo it: possible while nothing else was decided on that return, and its units are not sold."
            )
        elif can_change and st.button("Undo this decision", icon=":material/undo:", key=f"{key}.decided.undo"):
            return int(picked[0])
    return None


def in_words(before: str | None, after: str | None, quantity: int) -> str:
    """What changed between two states of a return line (`DECISIONS.before`, `after`)."""
    was, now = (json.loads(text) if text else {} for text in (before, after))
    steps = Counter(_steps(now)) - Counter(_steps(was))
    if not steps:
        return f"{words.counted(quantity, 'unit')} {PAST[now['disposition'] if now.get('disposition') else 'waiting']}"
    return ", ".join(f"{units} of {sku} {PAST[fate]}" for (_, sku, _, fate, units, _), count in steps.items() for _ in range(count))


def _steps(values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(step) for step in json.loads(values.get("fates") or "[]")]


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    named = records.names()["channel_id"]
    return pl.DataFrame(
        [
            {
                "when": words.moment(row["at"]),
                "who": words.actor(row["actor"]),
                "what": in_words(row["before"], row["after"], row["quantity"]),
                "sku": row["sku"],
                "channel": named.get(row["channel_id"], row["channel_id"]),
                "return": row["return_ref"],
                "note": row["why"],
            }
            for row in rows.iter_rows(named=True)
        ]
    )
