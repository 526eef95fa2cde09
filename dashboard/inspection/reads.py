"""What the Inspection page reads: always as of now, for people act on it. All raise `StoreUnavailable` while the database is away."""

import polars as pl

from dashboard.shell import reads as shared
from data_access.queries.returns import inspection as queries


def waiting() -> pl.DataFrame:
    """`inspection.QUEUE` of units that wait for inspection."""
    return shared.hub().ask(queries.waiting)


def refurbished() -> pl.DataFrame:
    """`inspection.QUEUE` of units that are being refurbished."""
    return shared.hub().ask(queries.refurbished)


def of_package(tracking_number: str) -> list[int]:
    """return_id of what came back of a package, or in one, that was sent with this tracking number."""
    return shared.hub().ask(lambda bind: queries.of_package(bind, tracking_number))["return_id"].to_list()


def decisions() -> pl.DataFrame:
    """`inspection.DECISIONS`: what people decided last, the newest first."""
    return shared.hub().ask(queries.decisions)
