"""Buffer rules from a CSV file: what each row would do, or why it is refused, before anything is saved."""

from typing import Final

import polars as pl
import streamlit as st

from dashboard.buffers import reads
from dashboard.buffers import rules as buffers
from dashboard.buffers.many import RuleChanges, problems, refused
from dashboard.shell import downloads, records, words
from dashboard.shell import reads as shared
from data_access.commands.buffers import Change
from data_access.domain.buffer_rules import amount_in_words, covers
from data_access.domain.buffers import RULES
from data_access.engine import now_us
from data_access.errors import InvalidInput
from data_access.imports.files.buffer_file import COLUMNS, MAX_BYTES, MAX_ROWS, KnownNames, drafts, read_rules, write_rules

KEY: Final = "buffers.file"
OUTCOMES: Final = {"refused": "✕ Refused", "change": "✎ Rule changes", "new": "✚ New rule", "same": "= Stays as it is"}
_COUNTED: Final = {
    "refused": ("is refused", "are refused"),
    "change": ("changes a rule", "change rules"),
    "new": ("is a new rule", "are new rules"),
    "same": ("stays as it is", "stay as they are"),
}
SHOWN: Final = 500
_FIRST_ID: Final = 10_000_000_000_000


def show(can_change: bool) -> RuleChanges | None:
    """Draw the upload, the preview of each row and the effect of them together; the rules to save, if a person asks for it."""
    st.caption(
        f"A CSV file with the columns {', '.join(COLUMNS)}: a row for each rule, at most {MAX_ROWS:,}. Leave empty what a rule does not "
        "name; “in” is units, percent or days. Rows of a scope that has a rule change it. The file of all rules can be changed and "
        "loaded again:"
    )
    downloads.buttons(write_rules(shared.rules()), "buffer-rules", f"{KEY}.template")
    given = st.file_uploader("File of buffer rules (CSV)", key=f"{KEY}.given.{st.session_state.get(buffers.ROUND, 0)}", max_upload_size=50)
    if given is None:
        return None
    if given.size > MAX_BYTES:
        too_large = f"has {given.size:,} bytes, and at most {MAX_BYTES:,} can be read at once: split it. Nothing was saved."
        st.error(f"“{words.plain(given.name)}” {too_large}", icon=":material/error:")
        return None
    try:
        rows = _read(given.getvalue(), given.name)
    except InvalidInput as error:
        st.error(f"{words.plain(str(error))} Nothing was saved.", icon=":material/error:")
        return None
    return _preview(rows, can_change)


def _read(data: bytes, name: str) -> pl.DataFrame:
    def ids(frame: pl.DataFrame, key: str) -> dict[str, str]:
        return {**dict(frame.select("name", key).iter_rows()), **{one: one for one in frame[key]}}

    products = shared.products()
    known = KnownNames(
        channels=ids(shared.channels(), "channel_id"),
        locations=ids(shared.locations(), "location_id"),
        categories=shared.categories(),
        skus=frozenset(products["sku"]),
        kits=frozenset(products.filter("is_kit")["sku"]),
    )
    return read_rules(data, name, shared.rules(), known, now_us())


def _preview(rows: pl.DataFrame, can_change: bool) -> RuleChanges | None:
    counts = dict(rows["outcome"].value_counts().iter_rows())
    parts = [words.counted(counts[name], *_COUNTED[name]) for name in _COUNTED if name in counts]
    st.markdown(f"**{words.counted(rows.height, 'row')}: {'; '.join(parts)}**")
    rank = pl.col("outcome").replace_strict({name: at for at, name in enumerate(OUTCOMES)}, return_dtype=pl.Int64)
    first = rows.sort(rank, "line_number").head(SHOWN)
    named = records.names()
    shown = pl.DataFrame(
        [
            {
                "Line": row["line_number"],
                "What happens": OUTCOMES[row["outcome"]],
                "Why": row["problem"],
                "Covers": covers(row, named) if row["level"] else None,
                "Now": row["before"],
                "Then": None if row["outcome"] == "refused" else amount_in_words(row["basis"], row["amount"]),
                "As written": row["text"],
            }
            for row in first.iter_rows(named=True)
        ],
        schema_overrides={"Why": pl.String, "Covers": pl.String, "Now": pl.String, "Then": pl.String},
    )
    st.container(key=f"{KEY}.rows").dataframe(
        shown,
        hide_index=True,
        height=(min(shown.height, 10) + 1) * 35 + 3,
        column_config={"Why": st.column_config.TextColumn(width="large")},
        placeholder="—",
        alt="Rows of the file: what each would do, the refused ones first",
    )
    if rows.height > SHOWN:
        st.caption(f"The first {SHOWN} of {words.counted(rows.height, 'row')}, the refused ones first.")
    changes = tuple(Change(draft, rule_id, version) for draft, rule_id, version in drafts(rows))
    if not changes:
        st.info("No row of the file would change anything.", icon=":material/info:")
        return None
    st.markdown("**Effect of saving the rows that are taken**")
    drafted = pl.DataFrame(
        [{**one.draft.values(), "rule_id": one.rule_id or _FIRST_ID + at, "version": 0} for at, one in enumerate(changes)], schema=RULES
    )
    kept = shared.rules().join(drafted.select("rule_id"), on="rule_id", how="anti")
    buffers.effect(reads.effect(pl.concat([kept.select(RULES.names()), drafted])))
    if not can_change:
        return None
    with st.container():
        problems(changes, refused(changes))
    label = f"Save {words.counted(len(changes), 'rule')}" + (f", leave {words.units(counts['refused'])} out" if "refused" in counts else "")
    if st.button(label, type="primary", icon=":material/save:", key=f"{KEY}.save"):
        return RuleChanges(changes, f"{KEY}.")
    return None
