"""Dates and numbers from text, as Polars expressions. What cannot be read is null; the caller tells it from an empty cell."""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from data_access.domain.events import MAX_UNITS

MAX_PRICE: Final = 100_000_000_000  # above this a price is a mistake
PRICE_SCALE: Final = 10_000
_YEAR_2100: Final = 4_102_444_800_000_000
_TIME_PARTS: Final = ("%H", "%I", "%T", "%R", "%k", "%l", "%c", "%r", "%X", "%s")


_BEFORE: Final = r"^([+-]?)(?:[A-Z]{3}\s?|[A-Z]{0,3}\s?\p{Sc}\s?)([+-]?)"
_AFTER: Final = r"\s?(?:\p{Sc}|[A-Z]{3})$"
_SIGNS: Final = {"€": "EUR", "£": "GBP", "₹": "INR"}  # those of one currency alone


def number(text: pl.Expr, decimal: str, thousands: str) -> pl.Expr:
    """A decimal number as Float64."""
    if thousands == " ":
        text = text.str.replace_all("[\u00a0\u202f]", " ")
    group, point = re.escape(thousands), re.escape(decimal)
    whole = rf"(\d+|\d{{1,3}}({group}\d{{3}})+)" if thousands else r"\d+"
    plain = text.str.replace_all(thousands, "", literal=True) if thousands else text
    plain = plain.str.replace_all(decimal, ".", literal=True) if decimal != "." else plain
    return pl.when(text.str.contains(rf"^[+-]?({whole}({point}\d*)?|{point}\d+)$")).then(plain).cast(pl.Float64, strict=False)


def units(column: str, decimal: str, thousands: str) -> pl.Expr:
    """A signed whole number of units as Int64; "2.0" is 2."""
    value = number(pl.col(column), decimal, thousands)
    return pl.when((value == value.round()) & (value.abs() <= MAX_UNITS)).then(value).cast(pl.Int64)


def has_signs(prices: pl.Series) -> bool:
    """Whether any price has a sign or code of a currency, or anything else that is no part of a number."""
    return prices.str.contains(r"[^\d.,'+\-\s]").any()


def price(column: str, decimal: str, thousands: str, *, has_signs: bool = True) -> pl.Expr:
    """A signed price as Int64, in 1/10,000; with `has_signs`, the sign or code of a currency may stand before or after it."""
    bare = pl.col(column)
    if has_signs:
        bare = bare.str.replace(_BEFORE, "$1$2").str.replace(_AFTER, "")
    value = number(bare, decimal, thousands)
    return pl.when(value.abs() <= MAX_PRICE).then((value * PRICE_SCALE).round()).cast(pl.Int64)


def currency_of(column: str) -> pl.Expr:
    """The currency that a price says it is in, as ISO 4217: by its code, or by a sign that is of one currency alone."""
    code = pl.col(column).str.extract(r"(?:^|[\s\d.,+-])([A-Z]{3})(?:[\s\d.,+-]|$)")
    sign = pl.col(column).str.extract("([" + "".join(_SIGNS) + "])").replace_strict(_SIGNS, default=None, return_dtype=pl.String)
    return pl.coalesce(code, sign)


def micros(column: str, formats: Sequence[str], time_zone: str, deadline_zone: str | None = None) -> pl.Expr:
    """A time as Int64 microseconds since 1970 (UTC), by the first format that fits.

    Fractions of seconds are read wherever seconds are, and `Z` wherever an offset is. A time without an offset is in `time_zone`: the
    earlier one where clocks are set back, an hour later where it is left out. A day without a time is its midnight; with a
    `deadline_zone`, its last microsecond there. Years before 1970 or after 2099 are mistakes.
    """
    instant = pl.coalesce([_one_format(column, _lenient(pattern), time_zone, deadline_zone) for pattern in formats])
    return pl.when((instant >= 0) & (instant < _YEAR_2100)).then(instant)


def _lenient(pattern: str) -> str:
    """A pattern that also takes fractions of seconds, and offsets in all their forms."""
    with_fractions = re.sub(r"%S(?!%?\.?%?\d?f)", "%S%.f", pattern.replace("%T", "%H:%M:%S"))
    return re.sub(r"%:?z$|(?<!%)Z$", "%#z", with_fractions)


def _one_format(column: str, pattern: str, time_zone: str, deadline_zone: str | None) -> pl.Expr:
    text = pl.col(column)
    if "%z" in pattern or "%:z" in pattern or "%#z" in pattern:
        return text.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False).dt.epoch("us")
    if any(part in pattern for part in _TIME_PARTS):
        return _in_zone(text.str.to_datetime(pattern, time_unit="us", strict=False), time_zone)
    day = text.str.to_date(pattern, strict=False)
    if deadline_zone is not None:
        return _in_zone(day.dt.offset_by("1d").cast(pl.Datetime("us")), deadline_zone) - 1
    return _in_zone(day.cast(pl.Datetime("us")), time_zone)


def _in_zone(local: pl.Expr, time_zone: str) -> pl.Expr:
    here = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    later = (local + pl.duration(hours=1)).dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return pl.coalesce([here, later]).dt.epoch("us")
