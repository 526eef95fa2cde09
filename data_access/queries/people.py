"""Users and their roles."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.users import app_user
from data_access.store.frames import MICROS, read

USERS: Final = pl.Schema({"name": pl.String, "role": pl.String, "created_at": MICROS})


def users(bind: Connection | Engine) -> pl.DataFrame:
    """`USERS` by name."""
    return read(bind, sa.select(*(app_user.c[name] for name in USERS)).order_by(app_user.c.name), USERS)
