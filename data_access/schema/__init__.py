"""The store's tables, by topic. `docs/store.md` is generated from them."""

from data_access.schema import audit, buffers, catalog, channels, demand, jobs, orders, purchasing, returns, scorecards, stock, users
from data_access.schema.base import metadata

__all__ = [
    "audit",
    "buffers",
    "catalog",
    "channels",
    "demand",
    "jobs",
    "metadata",
    "orders",
    "purchasing",
    "returns",
    "scorecards",
    "stock",
    "users",
]
