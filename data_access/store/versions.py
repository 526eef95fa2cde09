"""What changed: the version of each topic, and the entities behind a change."""

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.audit import change_log, store_version
from data_access.store.frames import read

_CHANGES = pl.Schema({"version": pl.Int64, "entity": pl.String, "entity_id": pl.String})


def versions(bind: Connection | Engine) -> dict[str, int]:
    """The version of each topic. One read of a handful of rows: made to be asked twice a second."""
    rows = read(bind, sa.select(store_version.c.topic, store_version.c.version), pl.Schema({"topic": pl.String, "version": pl.Int64}))
    return dict(rows.iter_rows())


def changed(bind: Connection | Engine, topic: str, entity: str, after: int) -> frozenset[str] | None:
    """Ids of the entities that changed on a topic after a version; None: take it that everything did.

    Everything, if a bulk change was logged, if other entities than `entity` were, or if the log no longer reaches back that far.
    """
    log = change_log.c
    found = read(
        bind,
        sa.select(log.version, log.entity, log.entity_id).where(log.topic == topic, log.version > after).order_by(log.version),
        _CHANGES,
    )
    if found.is_empty() or found["version"][0] != after + 1 or (found["entity"] != entity).any() or (found["entity_id"] == "*").any():
        return None
    return frozenset(found["entity_id"])
