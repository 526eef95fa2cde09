"""What the inbox page reads: always as of now, for people act on it. All raise `StoreUnavailable` while the database is away."""

import polars as pl

from dashboard.shell import reads as shared
from data_access.queries import inbox as queries
from data_access.queries.inbox import InboxFilter


def counts() -> pl.DataFrame:
    """`inbox.COUNTS`: how much waits, by kind."""
    return shared.hub().ask(queries.counts)


def listings_without_sku() -> pl.DataFrame:
    """`inbox.LISTINGS`, those that most rows and events wait for first."""
    return shared.hub().ask(queries.listings_without_sku)


def items(where: InboxFilter) -> pl.DataFrame:
    """`inbox.ITEMS` that match, the oldest first."""
    return shared.hub().ask(lambda bind: queries.items(bind, where))


def parked() -> pl.DataFrame:
    """`inbox.PARKED`: events that wait for something, the oldest first."""
    return shared.hub().ask(queries.parked)
