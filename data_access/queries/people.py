"""Users and their roles."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.queries.frames import MICROS, read
from data_access.schema.users import app_user

USERS: Final = pl.Schema({"name": pl.String, "role": pl.String, "created_at": MICROS})


def users(bind: Connection | Engine) -> pl.DataFrame:
    """`USERS` by name."""
    return read(bind, sa.select(*(app_user.c[name] for name in USERS)).order_by(app_user.c.name), USERS)
