"""What the buffers page reads."""

from collections.abc import Callable
from typing import Final

import polars as pl
import streamlit as st

from dashboard.settings import settings
from dashboard.shell import reads as shared
from dashboard.shell.data.poller import LiveStock
from data_access.domain.availability import AVAILABILITY
from data_access.domain.buffers import EFFECT
from data_access.domain.buffers import effect as buffer_effect
from data_access.engine import now_us
from data_access.errors import StoreUnavailable
from data_access.queries import buffers, withheld
from data_access.queries.buffer_replay import BackTest
from data_access.queries.buffer_replay import back_test as make_back_test
from data_access.queries.live_stock import LiveCatalogue, previewed


def sold_on(channel_id: str) -> pl.DataFrame:
    """`sku`: what a channel may sell, SKUs and kits."""
    live = shared.snapshot().live
    sold = AVAILABILITY.to_frame() if live is None else live.availability
    return sold.filter((pl.col("channel_id") == channel_id) & pl.col("is_listed")).select("sku")


def rule_table() -> pl.DataFrame:
    """`withheld.RULE_TABLE` of all rules."""
    snapshot = shared.snapshot()
    return withheld.RULE_TABLE.to_frame() if snapshot.live is None else withheld.rule_table(snapshot.live, shared.rules(), now_us())


def reservation_table() -> pl.DataFrame:
    """`withheld.RESERVATION_TABLE` of all reservations."""
    snapshot = shared.snapshot()
    if snapshot.live is None:
        return withheld.RESERVATION_TABLE.to_frame()
    return withheld.reservation_table(snapshot.live, snapshot.reservations, now_us())


def listing_maxima() -> pl.DataFrame:
    """`buffers.LISTING_MAXIMA`: every listing that is mapped to a SKU, by channel and its id there."""
    hub = shared.hub()
    catalogue = hub.ready().catalogue
    if catalogue is None:
        return buffers.LISTING_MAXIMA.to_frame()
    try:
        return _listings(hub, catalogue)[1]
    except StoreUnavailable:
        return buffers.LISTING_MAXIMA.to_frame()


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={LiveCatalogue: id})
def _listings(_hub: LiveStock, catalogue: LiveCatalogue) -> tuple[LiveCatalogue, pl.DataFrame]:
    """Read once for each catalogue, which is another one when a listing changes; it is kept here, so that no other gets its id."""
    return catalogue, _hub.ask(buffers.listings)


def effect(
    all_rules: pl.DataFrame | None = None, reservations: pl.DataFrame | None = None, caps: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`domain.buffers.EFFECT`: what would differ with other rules, reservations or caps instead, as `live.previewed` takes them."""
    live = shared.snapshot().live
    if live is None:
        return EFFECT.to_frame()
    return buffer_effect(live.availability, previewed(live, now_us(), all_rules, reservations, caps))


TestKey = tuple[str, str | None, int, int]


TEST_SECONDS: Final = 600


TESTS_KEPT: Final = 24


@st.cache_resource(show_spinner=False)
def _tests(url: str) -> dict[TestKey, BackTest]:  # noqa: ARG001 - one for each store
    return {}


def kept_test(channel_id: str, sku: str | None, days: int) -> BackTest | None:
    """The back-test of a SKU (None: of all) on a channel, if it was made with the rules of now, within the last ten minutes."""
    kept = _tests(settings().database_url).get((channel_id, sku, days, shared.version("buffers")))
    return kept if kept is not None and now_us() - kept.at < TEST_SECONDS * 1_000_000 else None


def back_test(channel_id: str, sku: str | None, days: int, progress: Callable[[float, str], object] | None = None) -> BackTest | None:
    """Make a back-test; all SKUs of a large channel take many seconds. None while the database is away."""
    live = shared.snapshot().live
    key = (channel_id, sku, days, shared.version("buffers"))
    if live is None:
        return None
    asked = None if sku is None else [sku]
    try:
        test = shared.hub().ask(lambda bind: make_back_test(bind, live, channel_id, asked, days, now_us(), progress or (lambda *_: None)))
    except StoreUnavailable:
        return None
    kept = _tests(settings().database_url)
    for old in list(kept)[: max(len(kept) - TESTS_KEPT + 1, 0)]:
        kept.pop(old, None)
    kept[key] = test
    return test
