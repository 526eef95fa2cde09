"""The app: page config and navigation, nothing else."""

import streamlit as st

from dashboard.shell import errors, filters, late, links, style

shown = st.navigation(
    [st.Page(info.path, title=info.title, url_path=info.url, default=info is links.PAGES[0]) for info in links.PAGES],
    position="top",
)
st.set_page_config(
    page_title=f"{shown.title} · OnHand",
    page_icon=style.ICON,
    layout="wide",
    initial_sidebar_state="collapsed",
    menu_items={"About": "**OnHand**: live stock by channel and location."},  # with it the menu is shown, and so the choice of theme
)
style.load()
late.resend()
with errors.caught():
    shown.run()
filters.finish()
late.remember(links.PARAMETERS)
