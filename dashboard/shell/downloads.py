"""Downloads of what is shown, with spreadsheet formulas neutralised."""

import polars as pl
import streamlit as st

from dashboard import exports


def buttons(frame: pl.DataFrame, name: str, key: str) -> None:
    """CSV and XLSX of the frame; a file is built only when asked for. `name`: of the file, without its ending."""
    with st.container(horizontal=True, gap="xsmall", width="content"):
        st.download_button(
            "CSV",
            data=lambda: exports.to_csv(frame),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"{key}.csv",
            icon=":material/download:",
            disabled=frame.is_empty(),
        )
        st.download_button(
            "XLSX",
            data=lambda: exports.to_xlsx(frame),
            file_name=f"{name}.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            on_click="ignore",
            key=f"{key}.xlsx",
            icon=":material/download:",
            disabled=frame.is_empty(),
        )
