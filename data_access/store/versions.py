"""What changed: the version of each topic, and the entities behind a change."""

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.audit import change_log, store_version
from data_access.store.frames import read

_CHANGES = pl.Schema({"version": pl.Int64, "entity": pl.String, "entity_id": pl.String})


def versions(bind: Connection | Engine) -> dict[str, int]:
    """The version of each topic. It reads a handful of rows, so it can be called twice a second."""
    rows = read(bind, sa.select(store_version.c.topic, store_version.c.version), pl.Schema({"topic": pl.String, "version": pl.Int64}))
    return dict(rows.iter_rows())


def changed(bind: Connection | Engine, topic: str, entity: str, after: int) -> frozenset[str] | None:
    """Ids of the entities that changed on a topic after a version; None: assume that everything did.

    It is None if a bulk change was logged, if entities other than `entity` were, or if the log no longer reaches back that far.
    """
    log = change_log.c
    log_rows = read(
        bind,
        sa.select(log.version, log.entity, log.entity_id).where(log.topic == topic, log.version > after).order_by(log.version),
        _CHANGES,
    )
    if log_rows.is_empty() or log_rows["version"][0] != after + 1:
        return None
    if (log_rows["entity"] != entity).any() or (log_rows["entity_id"] == "*").any():
        return None
    return frozenset(log_rows["entity_id"])
