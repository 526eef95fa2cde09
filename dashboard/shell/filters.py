"""The filters of pages, held here: what the address says and what the widgets show are kept the same.

A page holds each of its filters just before it draws the widget whose key is the filter's name. Who arrives, by a link, by a reload or
by the browser's Back, gets what the address says; whoever changes a widget gets another entry in the browser's history when the page
is drawn, so that Back undoes one change. Streamlit's own `bind` replaces the entry instead.

A run that the browser asks for with an address older than the last change, on a slow connection, changes nothing: only arriving reads
the address, and a run of the pulse alone neither reads nor writes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

SHARED: Final = ("channel", "location", "category", "q")
"""Filters that mean the same on every page that has them: they follow through the navigation."""

_RUN: Final = "filters.run"
_KEPT: Final = "filters.kept"


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter of the address and the widget of that key.

    `labels`: what can be chosen, with what people and the address read; None: any text. `default`: what is chosen where the address
    says nothing, and is not written into it. `is_several`: any number can be chosen; the parameter is repeated.
    """

    name: str
    labels: Mapping[Any, str] | None = None
    default: Any = None
    is_several: bool = False

    def read(self, texts: Sequence[str]) -> tuple[Any, list[str]]:
        """What the texts of the address choose, ids taken too; and those that cannot be chosen."""
        if self.labels is None:
            return (texts[-1] if texts else self.default), []
        by_text = {label: value for value, label in self.labels.items()} | {str(value): value for value in self.labels}
        values = list(dict.fromkeys(by_text[text] for text in texts if text in by_text))
        unknown = [text for text in texts if text and text not in by_text]
        if self.is_several:
            return values, unknown
        return (values[-1] if values else self.default), unknown

    def write(self, value: Any) -> list[str]:
        """The texts for the address; none for the default."""
        if value in (self.default, None, "", []):
            return []
        values = value if self.is_several else [value]
        return [str(one) if self.labels is None else self.labels[one] for one in values if self.labels is None or one in self.labels]


@dataclass(slots=True)
class _Run:
    """A run of a whole page. `address`: its parameters, or those that came along; `is_led`: they say what is chosen.

    `held`: the filters of this run; `taken`: those that took what the address says, in this run or in one before that was broken off.
    """

    address: Mapping[str, Sequence[str]]
    is_led: bool
    taken: set[str] = field(default_factory=set)
    held: dict[str, Filter] = field(default_factory=dict)
    is_finished: bool = False


def begin(*, is_other_page: bool, names: Iterable[str]) -> None:
    """At the start of a run of the whole page. `is_other_page`: than the run before; `names`: of all filters that pages have.

    Who arrives finds nothing chosen: Streamlit would keep what was chosen before.
    """
    context = get_script_run_ctx()
    is_back = context is not None and context.is_history_navigation
    if is_other_page or is_back:
        for name in names:
            st.session_state.pop(name, None)
    address = {name: st.query_params.get_all(name) for name in st.query_params}
    before: _Run | None = st.session_state.get(_RUN)
    if is_other_page or is_back or before is None:
        came_along = is_other_page and not is_back and not address
        st.session_state[_RUN] = _Run(st.session_state.get(_KEPT, {}) if came_along else address, is_led=True)
    elif before.is_led and not before.is_finished:
        st.session_state[_RUN] = _Run(before.address, is_led=True, taken=before.taken)
    else:
        st.session_state[_RUN] = _Run(address, is_led=False)


def hold(*filters: Filter) -> None:
    """Keep filters, before their widgets are drawn; draw these without a value of their own."""
    run = _run()
    for one in filters:
        if run.is_led and one.name not in run.taken and one.name not in st.session_state:
            st.session_state[one.name] = one.read(run.address.get(one.name, []))[0]
        else:
            st.session_state.setdefault(one.name, list(one.default or []) if one.is_several else one.default)
        run.taken.add(one.name)
        run.held[one.name] = one


def unknown(one: Filter) -> list[str]:
    """What the address asks of a filter and cannot be chosen; said as long as the address says so."""
    return one.read(_run().address.get(one.name, []))[1]


def finish() -> None:
    """At the end of a run of the whole page: the address says what is chosen, if it does not yet."""
    run: _Run | None = st.session_state.get(_RUN)
    if run is None:
        return
    run.is_finished = True
    chosen = {name: one.write(st.session_state.get(name, one.default)) for name, one in run.held.items()}
    address = {name: st.query_params.get_all(name) for name in st.query_params}
    if any(one.write(one.read(address.get(name, []))[0]) != chosen[name] for name, one in run.held.items()):
        rest = {name: texts for name, texts in address.items() if name not in chosen}
        st.query_params.from_dict({name: texts for name, texts in {**chosen, **rest}.items() if texts})
    st.session_state[_KEPT] = st.session_state.get(_KEPT, {}) | {name: texts for name, texts in chosen.items() if name in SHARED}


def reset(names: Iterable[str]) -> None:
    """Choose the defaults of filters. A callback."""
    held = _run().held
    for name in names:
        one = held[name]
        st.session_state[name] = list(one.default or []) if one.is_several else one.default


def _run() -> _Run:
    run: _Run = st.session_state[_RUN]
    return run
