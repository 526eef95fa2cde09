"""Imports that run and that ran: progress, what became of each row, and taking one back."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.imports import reads
from dashboard.imports.cards import ROWS_IN_VIEW
from dashboard.imports.dropped import DroppedFile
from dashboard.imports.forms import KINDS
from dashboard.jobs import import_start
from dashboard.jobs.import_start import ImportState
from dashboard.shell import chosen, downloads, errors, filters, late, links, words
from dashboard.shell.filters import Filter
from data_access.imports.import_run import OUTCOMES
from data_access.imports.undo.preview import KINDS as TAKEN_BACK
from data_access.imports.undo.preview import UndoPreview

PULSE_SECONDS: Final = 0.5
_GRID: Final = "import-runs"
_CHOSEN: Final = "import_run"
STATUSES: Final = {"running": "◷ Not finished", "complete": "✓ Imported", "undoing": "◷ Being taken back", "undone": "↶ Taken back"}
_BECAME: Final = {
    "imported": "Imported",
    "updated": "Updated",
    "ignored": "Ignored",
    "duplicates": "Known already",
    "left_out": "Left out",
    "waiting": "Not yet an order",
    "quarantined": "To the inbox",
}
_COLUMNS: Final[dict[str, Any]] = {
    "import_run_id": st.column_config.NumberColumn("Import", format="plain", pinned=True),
    "file_name": st.column_config.TextColumn("File", width="medium"),
    "kind": "Kind",
    "mapping": "Mapping",
    "status": "Status",
    "started_at": st.column_config.DatetimeColumn("Started (UTC)", format="YYYY-MM-DD HH:mm"),
    "rows_read": st.column_config.NumberColumn("Rows read", format="localized"),
    **{name: st.column_config.NumberColumn(title, format="localized") for name, title in _BECAME.items()},
}


@dataclass(frozen=True, slots=True)
class RunDecision:
    """A person wants an import taken back, or its taking back gone on with."""

    run_id: int
    file_name: str


@st.fragment(run_every=PULSE_SECONDS)
@errors.guarded
def progress(file: DroppedFile, rows: int) -> None:
    """Draw how far the import of a file is; the page runs again when it is done. `rows`: of the file."""
    state = import_start.state(file.path)
    if (state is None or not state.is_running) and late.may_run_again():
        st.rerun()
    done = reads.rows_taken_in(file.file_hash)
    share = min(done / rows, 1.0) if rows else 0.0
    st.progress(share, text=f"Importing {words.plain(file.path.name)}: {words.units(done)} of {words.counted(rows, 'row')}")
    st.caption("It goes on if you leave this page; you can work on other pages meanwhile.")


def outcome(file: DroppedFile, state: ImportState) -> None:
    """Draw how the import of a file ended."""
    if state.result is None:
        st.error(f"{words.plain(file.path.name)} was not imported whole: {words.plain(state.problem)}", icon=":material/error:")
        return
    st.success(f"**{words.plain(file.path.name)} is imported.** {accounting(state.result)}", icon=":material/check_circle:")
    inbox_link(state.result)


def accounting(figures: dict[str, Any]) -> str:
    """What became of the rows, as a sum that can be checked."""
    parts = [f"{words.units(figures[name])} {_BECAME[name].lower()}" for name in OUTCOMES if figures[name]]
    joined = figures.get("joined_records", 0)
    spans = (
        f" {words.counted(joined, 'record joins', 'records join')} {words.units(figures['joined_lines'])} lines of the file."
        if joined
        else ""
    )
    return f"{words.counted(figures['rows_read'], 'row')} read = {' + '.join(parts) or '0'}.{spans}"


def inbox_link(figures: dict[str, Any]) -> None:
    """A link to the inbox, where rows wait there."""
    if figures["quarantined"]:
        label = f"{words.counted(figures['quarantined'], 'row waits', 'rows wait')} in the inbox"
        st.page_link(links.INBOX.path, label=label, icon=":material/inbox:", query_params={"tab": "Rows"})


def recent(runs: pl.DataFrame, may_undo: bool) -> RunDecision | None:
    """Draw the last imports, one of which can be chosen, and its accounting; what a person decided."""
    if runs.is_empty():
        st.caption("Nothing has been imported yet.")
        return None
    ids = [str(one) for one in runs["import_run_id"]]
    filters.hold(Filter(_CHOSEN, {one: one for one in ids}))
    now = st.session_state.get(_CHOSEN)
    chosen.select(_GRID, [ids.index(now)] if now in ids else [])

    @late.ignored
    def clicked() -> None:
        rows, _ = chosen.clicked(_GRID)
        st.session_state[_CHOSEN] = ids[rows[0]] if rows else None

    shown = runs.with_columns(
        pl.col("kind").replace_strict(KINDS, return_dtype=pl.String),
        pl.col("status").replace_strict(STATUSES, return_dtype=pl.String),
        pl.col("started_at").dt.replace_time_zone(None),
    ).select(list(_COLUMNS))
    st.container(key="import.runs").dataframe(
        shown,
        key=_GRID,
        on_select=clicked,
        selection_mode=["single-row", "single-cell"],
        hide_index=True,
        height="content" if shown.height <= ROWS_IN_VIEW else (ROWS_IN_VIEW + 1) * 35 + 3,
        column_config=_COLUMNS,
        alt="The last imports, and what became of their rows",
    )
    downloads.buttons(shown, "imports", "import.runs")
    if now not in ids:
        st.caption("Choose an import to see its accounting, or to take it back.")
        return None
    row = runs.filter(import_run_id=int(now)).row(0, named=True)
    with st.container(border=True):
        title = f"Import {row['import_run_id']}, {row['file_name']}"
        st.markdown(f"**{words.plain(title)}**: {STATUSES[row['status']]}")
        st.markdown(accounting(row))
        if row["ignored"]:
            st.caption(f"`onhand import ignored {row['import_run_id']}` lists what was ignored, and why.")
        inbox_link(row if row["status"] in ("running", "complete") else {"quarantined": 0})
        if row["status"] == "undone":
            return None
        return _taking_back(row, may_undo)


def _taking_back(row: dict[str, Any], may_undo: bool) -> RunDecision | None:
    run_id = int(row["import_run_id"])
    decision = RunDecision(run_id, row["file_name"])
    if row["kind"] not in TAKEN_BACK:
        st.caption("Only imports of orders and stock counts can be taken back: import a corrected file, which overwrites this one.")
        return None
    if not may_undo:
        st.caption("To take it back, you need the role manager or admin.")
        return None
    if row["status"] == "undoing":
        st.warning("It is being taken back, and other imports wait for that.", icon=":material/undo:")
        return decision if st.button("Continue taking back", key=f"import.undo.{run_id}", icon=":material/undo:") else None
    if not st.toggle("Take back", key=f"import.undoing.{run_id}", help="Shows first what that would do."):
        return None
    preview, problem = reads.undo_preview(run_id)
    if preview is None:
        st.info(words.plain(problem), icon=":material/info:")
        return None
    _undo(preview)
    if preview.stops:
        return None
    sure = st.button(f"Take back import {run_id}", type="primary", key=f"import.undo.{run_id}", icon=":material/undo:")
    return decision if sure else None


def _undo(preview: UndoPreview) -> None:
    """What taking an import back would do."""
    names = ("orders", "lines", "shipments", "cancellations", "returns", "charges", "counts")
    gone = ", ".join(f"{words.units(getattr(preview, name))} {name}" for name in names if getattr(preview, name))
    sentences = [f"Removes {gone or 'nothing'} ({words.counted(preview.open_lines, 'line is', 'lines are')} open)."]
    sentences += [
        f"{place['location_id']}: {words.units(place['back'])} units come back to the stock, {words.units(place['gone'])} go from it."
        for place in preview.units
    ]
    if preview.overwritten:
        sentences.append(f"{words.counted(preview.overwritten, 'row')} of other sources say again what they said before.")
    if preview.mended:
        sentences.append(f"{words.counted(preview.mended, 'row')} that were mended in the inbox go too; the mended texts stay there.")
    if preview.failed:
        sentences.append(f"{words.counted(preview.failed, 'row')} that failed to import are dismissed.")
    sentences += [
        f"Import {other['import_run_id']} of {other['file_name']} keeps none of the rows that both files have "
        f"({words.units(other['rows'])} of its rows were known): import that file again afterwards, and they come in."
        for other in preview.overlapping
    ]
    sentences.append("Products, listings, channels and locations that it created stay: others may use them.")
    st.markdown("\n".join(f"- {words.plain(sentence)}" for sentence in sentences))
    for stop in preview.stops:
        st.error(f"It cannot be taken back: {words.plain(str(stop))}.", icon=":material/block:")
