"""The view of returns that is made beside the pages."""

from datetime import date
from threading import Event

import pytest

from dashboard.returns.reads import Kept, Key, ReturnsView
from data_access.domain.returns.at_stake import STAKES
from data_access.domain.returns.beyond_chance import FLAGS
from data_access.domain.returns.units import RETURNED, SHIPPED
from data_access.errors import StoreUnavailable
from data_access.mirror.returns import ReturnHistory
from data_access.queries.returns.picture import ReturnPicture

WAIT_SECONDS = 30


def key(version: int) -> Key:
    return date(2026, 5, 4), (version, 1, 1), ()


def a_view(generation: int) -> ReturnsView:
    shipped, returned = SHIPPED.to_frame(), RETURNED.to_frame()
    history = ReturnHistory("store", generation, {}, {}, shipped, returned)
    return ReturnsView(
        ReturnPicture(history, shipped, returned, ()), shipped, returned, None, FLAGS.to_frame(), STAKES.to_frame(), (shipped, returned)
    )


def test_a_view_is_made_once_and_again_when_what_it_rests_on_moved() -> None:
    kept, views, given = Kept(), [a_view(1), a_view(2)], list[ReturnsView | None]()

    def make(before: ReturnsView | None) -> ReturnsView:
        given.append(before)
        return views[len(given) - 1]

    assert kept.ask(key(1), make).result(WAIT_SECONDS) is views[0]
    assert kept.ask(key(1), make).result(WAIT_SECONDS) is views[0]
    assert given == [None]
    assert kept.ask(key(2), make).result(WAIT_SECONDS) is views[1]
    assert given == [None, views[0]]
    assert kept.view is views[1]


def test_the_view_of_before_stays_while_another_is_made() -> None:
    kept, begun, may_end = Kept(), Event(), Event()
    first, second = a_view(1), a_view(2)
    kept.ask(key(1), lambda _: first).result(WAIT_SECONDS)

    def slowly(_before: ReturnsView | None) -> ReturnsView:
        begun.set()
        assert may_end.wait(WAIT_SECONDS)
        return second

    making = kept.ask(key(2), slowly)
    assert begun.wait(WAIT_SECONDS)
    assert not making.done()
    assert kept.view is first
    may_end.set()
    assert making.result(WAIT_SECONDS) is second


def test_what_failed_is_tried_again_and_loses_nothing() -> None:
    kept, first = Kept(), a_view(1)
    kept.ask(key(1), lambda _: first).result(WAIT_SECONDS)

    def fail(_before: ReturnsView | None) -> ReturnsView:
        raise StoreUnavailable("The database is away.")

    with pytest.raises(StoreUnavailable, match="is away"):
        kept.ask(key(2), fail).result(WAIT_SECONDS)
    assert kept.view is first
    second = a_view(2)
    assert kept.ask(key(2), lambda _: second).result(WAIT_SECONDS) is second
