"""Rows are chosen: by a click anywhere in one, kept by id, not by position.

Streamlit keeps a selection by row position, so the position is set again before each redraw.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import polars as pl
import streamlit as st

from dashboard.shell import late

_Id = TypeVar("_Id", int, str)


def select(grid: str, positions: Sequence[int]) -> None:
    """Let exactly these rows be selected in the grid with this key, before it is drawn."""
    state: dict[str, Any] = dict(st.session_state.get(grid, {}).get("selection", {}))
    if state.get("rows", []) != list(positions) or state.get("cells") or state.get("columns"):
        st.session_state[grid] = {"selection": {"rows": list(positions), "columns": [], "cells": []}}


def clicked(grid: str) -> tuple[list[int], bool]:
    """In the grid's callback: the rows that were clicked or are ticked, and whether it was a click on a cell (of one row)."""
    selection = st.session_state[grid]["selection"]
    if selection["cells"]:
        return [selection["cells"][0][0]], True
    return list(selection["rows"]), False


def several(shown: pl.DataFrame, ids: Sequence[_Id], key: str, columns: dict[str, Any], alt: str) -> list[_Id]:
    """Draw a table any of whose rows can be chosen; rows that come or go do not move the choice. The chosen ids.

    `ids`: of the rows, in their order; `columns`: as Streamlit configures them, by name; `alt`: what the table is, for who cannot see it.
    """
    memory, grid = f"{key}.chosen", f"{key}.grid"

    @late.ignored
    def choose() -> None:
        rows, is_cell = clicked(grid)
        if is_cell:  # a click beside the box: that row too, or no longer
            one = ids[rows[0]]
            before: list[_Id] = st.session_state.get(memory, [])
            st.session_state[memory] = [other for other in before if other != one] if one in before else [*before, one]
        else:
            st.session_state[memory] = [ids[at] for at in rows]

    picked = [one for one in ids if one in set(st.session_state.get(memory, []))]
    select(grid, [at for at, one in enumerate(ids) if one in set(picked)])
    st.dataframe(
        shown,
        key=grid,
        on_select=choose,
        selection_mode=["multi-row", "single-cell"],
        hide_index=True,
        placeholder="—",
        column_config=columns,
        alt=alt,
    )
    return picked
