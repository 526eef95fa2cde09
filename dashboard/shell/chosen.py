"""A row is chosen: by a click anywhere in it, kept by id, not by position.

Streamlit keeps a selection by row position, so the position is set again before each redraw.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st


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
