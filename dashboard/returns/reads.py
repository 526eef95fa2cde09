"""What the Returns page reads: the returns of history by the rules of now, kept until either changes."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Final

import polars as pl
import streamlit as st

from dashboard.settings import settings
from dashboard.shell import reads as shared
from dashboard.shell.data.poller import LiveStock
from data_access.domain.returns import beyond_chance
from data_access.domain.returns.at_stake import ranked, stakes
from data_access.domain.returns.reasons import UNMAPPED
from data_access.domain.returns.units import RETURNED, SHIPPED
from data_access.domain.returns.usual import Usual, usual, with_category, without_skus
from data_access.errors import StoreUnavailable
from data_access.mirror.scan import Mirror
from data_access.queries.returns import picture as queries
from data_access.queries.returns.picture import DECISIONS, RECEIPTS, RULES, ReturnPicture
from data_access.queries.returns.requests import REQUESTS, expected

TOPIC: Final = "returns view"
"""What pages watch that show the view without waiting for it."""

Key = tuple[date, tuple[int, ...], tuple[tuple[str, ...], ...], tuple[tuple[object, ...], ...]]
"""What a view rests on: the day, the versions of what is read, what people decided of codes, and their rules."""


@dataclass(frozen=True, slots=True)
class ReturnsView:
    """Returns as the page shows them. `shipped` and `returned`: for cohorts, by category; `basis`: what is usual, None of nothing.

    `flags`: `beyond_chance.FLAGS`, those of most money at stake first; `stakes`: `at_stake.STAKES` of them.
    `skus`: as `shipped` and `returned`, by SKU.
    """

    picture: ReturnPicture
    shipped: pl.DataFrame
    returned: pl.DataFrame
    basis: Usual | None
    flags: pl.DataFrame
    stakes: pl.DataFrame
    skus: tuple[pl.DataFrame, pl.DataFrame]

    def by_sku(self, chosen: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What was shipped and returned of some SKUs and channels."""
        shipped, returned = self.skus
        return shipped.filter(chosen), returned.filter(chosen)


@dataclass(slots=True)
class Kept:
    """The view that was made last, and the one that is being made: one at a time, beside the pages. `asked`: what that one rests on."""

    lock: Lock = field(default_factory=Lock)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="returns"))
    asked: Key | None = None
    making: Future[ReturnsView] | None = None
    view: ReturnsView | None = None

    def ask(self, key: Key, make: Callable[[ReturnsView | None], ReturnsView]) -> Future[ReturnsView]:
        """The view that rests on `key`, asked for once unless it failed. `make` is given the view of before."""
        with self.lock:
            has_failed = self.making is not None and self.making.done() and self.making.exception() is not None
            if self.making is None or self.asked != key or has_failed:
                self.asked, self.making = key, self.worker.submit(self._make, make)
            return self.making

    def _make(self, make: Callable[[ReturnsView | None], ReturnsView]) -> ReturnsView:
        self.view = view = make(self.view)
        shared.note_made(TOPIC)
        return view


def rules() -> pl.DataFrame:
    """`picture.RULES` that people set."""
    return shared.hub().ask(queries.own_rules)


def requests() -> pl.DataFrame:
    """`requests.REQUESTS`: what was asked for and did not come in yet."""
    return shared.ask_now(expected, REQUESTS)


def holds() -> pl.DataFrame:
    """`picture.HOLDS`: SKUs that are held at inspection."""
    return shared.hub().ask(queries.holds)


def marketplaces() -> pl.DataFrame:
    """channel_id, marketplace of each channel."""
    return shared.hub().ask(queries.marketplaces)


def decisions() -> pl.DataFrame:
    """`returns.DECISIONS` of all channels."""
    return shared.ask_now(queries.decisions, DECISIONS)


def receipts_before(sku: str, week: date) -> pl.DataFrame:
    """`returns.RECEIPTS` before a week."""
    return shared.ask(("receipts", sku, week.isoformat()), lambda connection: queries.receipts_before(connection, sku, week), RECEIPTS)


def view(*, wait: bool = True) -> ReturnsView | None:
    """The returns; None until history was read for the first time, or while the database is away from the start.

    `wait`: until what changed is in; else the view of before is given meanwhile, None if there is none.
    """
    state = shared.ready_history() if wait else shared.history_state()
    if state.mirror is None or state.at is None:
        return None
    hub, mirror, day = shared.hub(), state.mirror, state.at.date()
    versions = tuple(shared.version(topic) for topic in ("catalog", "channels", "history"))
    decided = tuple(decisions().select("channel_id", "code_key", "means").iter_rows())
    ruled = tuple(shared.ask_now(queries.own_rules, RULES).iter_rows())
    kept = _kept(settings().database_url)
    making = kept.ask((day, versions, decided, ruled), lambda before: _made(hub, mirror, day, before))
    if not making.done():
        if not wait:
            return kept.view
        with st.spinner("Returns are being read."):
            wait_for([making])
    try:
        return making.result()
    except StoreUnavailable:
        return kept.view


@st.cache_resource(max_entries=2, show_spinner=False)
def _kept(url: str) -> Kept:  # noqa: ARG001 - the key
    return Kept()


def _made(hub: LiveStock, mirror: Mirror, day: date, before: ReturnsView | None) -> ReturnsView:
    """The view of a day; what did not change since the one before is not read again."""
    picture = None if before is None else before.picture
    return _with_basis(hub.ask(lambda connection: queries.picture(connection, mirror, picture)), day)


def _with_basis(seen: ReturnPicture, day: date) -> ReturnsView:
    of_skus = pl.concat([frame.select("sku", "category") for frame in (seen.shipped, seen.returned)]).unique()
    returned = seen.returned.drop_nulls("ship_week").select(RETURNED.names())  # one row per line: that is what evidence counts
    shipped, came = with_category(seen.shipped.drop("category"), of_skus), with_category(returned, of_skus)
    basis = usual(shipped, came, day) if shipped.height else None
    standing = beyond_chance.flags(seen.shipped.select(SHIPPED.names()), returned.filter(pl.col("reason") != UNMAPPED), of_skus, day)
    money = stakes(standing, seen.returned)
    return ReturnsView(seen, without_skus(shipped), without_skus(came), basis, ranked(standing, money), money, (shipped, came))
