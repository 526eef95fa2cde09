"""What the Returns page reads: the returns of history by the rules of now, kept until either changes."""

from dataclasses import dataclass, field
from datetime import date
from threading import Lock

import polars as pl
import streamlit as st

from dashboard.settings import settings
from dashboard.shell import reads as shared
from dashboard.shell.data.poller import LiveStock
from data_access.domain.returns import beyond_chance
from data_access.domain.returns.reasons import UNMAPPED
from data_access.domain.returns.units import RETURNED, SHIPPED
from data_access.domain.returns.usual import Usual, usual, with_category, without_skus
from data_access.errors import StoreUnavailable
from data_access.mirror.scan import Mirror
from data_access.queries import returns as queries
from data_access.queries.returns import DECISIONS, ReturnPicture


@dataclass(frozen=True, slots=True)
class ReturnsView:
    """Returns as the page shows them. `shipped` and `returned`: for cohorts, by category; `basis`: what is usual, None of nothing.

    `flags`: `beyond_chance.FLAGS`; `skus`: as `shipped` and `returned`, by SKU.
    """

    picture: ReturnPicture
    shipped: pl.DataFrame
    returned: pl.DataFrame
    basis: Usual | None
    flags: pl.DataFrame
    skus: tuple[pl.DataFrame, pl.DataFrame]

    def by_sku(self, chosen: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What was shipped and returned of some SKUs and channels."""
        shipped, returned = self.skus
        return shipped.filter(chosen), returned.filter(chosen)


@dataclass(slots=True)
class _Last:
    """The view of before, of which what did not change is not read again."""

    lock: Lock = field(default_factory=Lock)
    view: ReturnsView | None = None


def decisions() -> pl.DataFrame:
    """`returns.DECISIONS` of all channels."""
    return shared.ask_now(queries.decisions, DECISIONS)


def view() -> ReturnsView | None:
    """The returns; None until history was read for the first time, or while the database is away from the start."""
    state = shared.ready_history()
    if state.mirror is None or state.at is None:
        return None
    versions = tuple(shared.version(topic) for topic in ("catalog", "channels", "history"))
    decided = tuple(decisions().select("channel_id", "code_key", "means").iter_rows())
    try:
        return _view(shared.hub(), state.mirror, state.at.date(), settings().database_url, versions, decided)
    except StoreUnavailable:
        return _last(settings().database_url).view


@st.cache_resource(max_entries=2, show_spinner=False)
def _last(url: str) -> _Last:  # noqa: ARG001 - the key
    return _Last()


@st.cache_resource(max_entries=2, show_spinner="Returns are being read.", hash_funcs={Mirror: lambda _: None})
def _view(
    _hub: LiveStock,
    mirror: Mirror,
    day: date,
    url: str,
    versions: tuple[int, ...],  # noqa: ARG001 - the key
    decided: tuple[tuple[str, ...], ...],  # noqa: ARG001 - the key
) -> ReturnsView:
    last = _last(url)
    with last.lock:
        before = None if last.view is None else last.view.picture
        seen = _hub.ask(lambda connection: queries.picture(connection, mirror, before))
        last.view = _with_basis(seen, day)
        return last.view


def _with_basis(seen: ReturnPicture, day: date) -> ReturnsView:
    of_skus = pl.concat([frame.select("sku", "category") for frame in (seen.shipped, seen.returned)]).unique()
    returned = seen.returned.drop_nulls("ship_week").select(RETURNED.names())  # one row per line: that is what evidence counts
    shipped, came = with_category(seen.shipped.drop("category"), of_skus), with_category(returned, of_skus)
    basis = usual(shipped, came, day) if shipped.height else None
    standing = beyond_chance.flags(seen.shipped.select(SHIPPED.names()), returned.filter(pl.col("reason") != UNMAPPED), of_skus, day)
    return ReturnsView(seen, without_skus(shipped), without_skus(came), basis, standing, (shipped, came))
