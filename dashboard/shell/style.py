"""The app's own style sheet and icon: nothing is fetched from elsewhere."""

from pathlib import Path
from typing import Final

import streamlit as st

from dashboard.charts import colours

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#2f5d8a"/>'
    '<path d="M7 12l9-5 9 5v9l-9 5-9-5z" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round"/>'
    '<path d="M7 12l9 5 9-5M16 17v9" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round"/></svg>'
)
SHEET: Final = Path(__file__).with_name("style.css")


def load() -> None:
    """Add the style sheet, and a class for each channel colour, to the page."""
    dots = "".join(f".oh-c{number} {{ background: {colour}; }}" for number, colour in enumerate(colours.CHANNELS, start=1))
    st.html(f"<style>{SHEET.read_text(encoding='utf-8')}{dots}</style>")


def dot(position: int) -> str:
    """A channel's colour as a dot, decoration beside its name."""
    return f'<span class="oh-dot oh-c{(position - 1) % len(colours.CHANNELS) + 1}" aria-hidden="true"></span>'
