"""How fresh each channel's data are, as a table."""

from html import escape

import polars as pl
import streamlit as st

from dashboard.shell import words


def table(frame: pl.DataFrame) -> None:
    """Draw `queries.freshness.FRESHNESS`: what came in when, and from when on it is called stale."""
    st.markdown("**Channel freshness**")
    if frame.is_empty():
        st.caption("No channels yet: add them with `onhand import channels FILE`.")
        return
    st.html(html(frame))


def html(frame: pl.DataFrame) -> str:
    """The table's markup. Ages are in the header, which counts on; here stands up to when data are known."""
    body = "".join(
        f'<tr><th scope="row">{escape(row["name"])}</th><td class="oh-text">{"⚠ stale" if row["is_stale"] else "✓ fresh"}</td>'
        f"<td>{words.moment(row['synced_until'])}</td><td>{words.age(float(row['stale_after_seconds']))}</td><td>{row['parked']}</td></tr>"
        for row in frame.iter_rows(named=True)
    )
    return (
        '<div class="oh-scroll" tabindex="0" role="region" aria-label="Freshness of each channel"><table class="oh-figures"><thead><tr>'
        '<th scope="col">Channel</th><th scope="col" class="oh-text">Data</th><th scope="col">Last update (UTC)</th>'
        '<th scope="col">Stale after</th><th scope="col">Events waiting</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
