"""What needs attention: what a source of the overview gives, and how it is drawn.

A source is a module `attention.py` in the folder of its subject, found by itself: a function `entries()`, and `RANK`, by which sources are
listed, lower first.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import streamlit as st

import dashboard
from dashboard.shell import links, words

ITEMS: Final = 3
"""Things named below an entry, at most."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing behind an entry: its name, what is the matter with it, and the link to its explanation."""

    label: str
    detail: str
    query: links.Query


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the overview: a sentence, and the page that shows what it counts."""

    icon: str
    sentence: str
    page: links.PageInfo
    query: links.Query
    items: tuple[Item, ...] = ()


class AttentionSource(Protocol):
    """A module that gives entries."""

    RANK: int

    def entries(self) -> Iterable[Entry]:
        """What needs attention now, the most urgent first."""


def sources() -> list[AttentionSource]:
    """All sources, by rank."""
    subjects = (info.name for info in pkgutil.iter_modules(dashboard.__path__, "dashboard.") if info.ispkg)
    names = (f"{subject}.attention" for subject in subjects if subject != "dashboard.shell")
    modules: list[AttentionSource] = [importlib.import_module(name) for name in names if importlib.util.find_spec(name) is not None]
    return sorted(modules, key=lambda source: source.RANK)


def entries() -> list[Entry]:
    """The entries of all sources, each source's most urgent first."""
    return [entry for source in sources() for entry in source.entries()]


def show(entry: Entry) -> None:
    """Draw one entry: its sentence, which is the link, and its first items, each a link of its own."""
    with st.container(border=True, gap="xxsmall"):
        st.page_link(entry.page.path, label=f"**{words.plain(entry.sentence)}**", icon=entry.icon, query_params=entry.query)
        for item in entry.items:
            label = f"{words.plain(item.label)}: {words.plain(item.detail)}" if item.detail else words.plain(item.label)
            st.page_link(entry.page.path, label=label, icon="", query_params=item.query)
