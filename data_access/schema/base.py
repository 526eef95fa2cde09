"""What every table of the store shares: metadata, naming of constraints, and column types.

Time is an integer: microseconds since 1970-01-01 in UTC (`*_at`). Both databases store, index and compare it alike, and a
frame casts it to a timestamp at no cost. A day (`*_on`) is text `YYYY-MM-DD` in the time zone that the column names.
"""

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite makes only an INTEGER primary key the row's own address; PostgreSQL needs the wide type.
Id: Final = BigInteger().with_variant(Integer, "sqlite")
Micros: Final = BigInteger().with_variant(Integer, "sqlite")
Units: Final = BigInteger().with_variant(Integer, "sqlite")
Money: Final = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, values: tuple[str, ...]) -> str:
    """The text of a check constraint that allows only `values` in `column`."""
    return f"{column} in ({', '.join(repr(value) for value in values)})"
