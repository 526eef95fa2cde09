"""The store's tables, by topic. `docs/store.md` is generated from them."""

from data_access.schema import audit, catalog, channels, demand, orders, purchasing, returns, stock
from data_access.schema.base import metadata

__all__ = ["audit", "catalog", "channels", "demand", "metadata", "orders", "purchasing", "returns", "stock"]
