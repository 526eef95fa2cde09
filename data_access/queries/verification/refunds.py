"""Refunds: what return lines say was given back adds up to what was told, and cases know when it was first."""

from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.schema.orders import contradicted_fact
from data_access.schema.returns import return_case, return_line, return_refund
from data_access.store.frames import read

_SUMS: Final = pl.Schema({"key": pl.String, "stored": pl.Int64, "rebuilt": pl.Int64})
_l, _c, _r = return_line.c, return_case.c, return_refund.c


def refunds(connection: Connection) -> tuple[int, list[dict[str, Any]]]:
    """How many lines of returns and cases were compared; and those that differ: `stored` of the lines, `rebuilt` from refunds."""
    compared = pl.concat([read(connection, query, _SUMS) for query in (_of_lines(), _of_cases())])
    differing = compared.filter(pl.col("stored").ne_missing(pl.col("rebuilt"))).sort("key")
    return compared.height, [{"figure": "refunds", **row} for row in differing.iter_rows(named=True)]


def _of_lines() -> sa.Select[str, int, int]:
    """Lines of which all parts count; of refunds in two currencies the amount is not known."""
    given = (
        sa.select(
            _c.channel_id,
            _c.return_ref,
            _r.line_id,
            sa.case((sa.func.min(_r.currency) == sa.func.max(_r.currency), sa.func.sum(_r.amount))).label("amount"),
        )
        .join_from(return_refund, return_case, _c.id == _r.case_id)
        .group_by(_c.channel_id, _c.return_ref, _r.line_id)
        .subquery()
    )
    aside = contradicted_fact.c
    waits = sa.exists().where(aside.line_id == given.c.line_id, aside.kind == "return", aside.reference == given.c.return_ref)
    whole = sa.BigInteger
    return (
        sa.select(
            sa.func.min(_l.channel_id + " " + _l.return_ref),
            sa.cast(sa.func.sum(_l.refund), whole),
            sa.cast(sa.func.min(given.c.amount), whole),
        )
        .join_from(
            given,
            return_line,
            sa.and_(_l.line_id == given.c.line_id, _l.channel_id == given.c.channel_id, _l.return_ref == given.c.return_ref),
        )
        .where(~waits)
        .group_by(_l.channel_id, _l.return_ref, _l.line_id)
    )


def _of_cases() -> sa.Select[Any]:
    first = sa.select(sa.func.min(_r.refunded_at)).where(_r.case_id == _c.id).scalar_subquery()
    return sa.select(sa.literal("when ") + _c.channel_id + " " + _c.return_ref, _c.refunded_at, first)
