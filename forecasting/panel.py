"""Demand history as a dense panel: one row a series, one column a period, checked once.

A *series* is known by its `unique_id`. Its periods run from its first `ds` to the panel's last; one that is missing in between, or after
its last row, is a period without demand. A period that is there without a `y`, or out of stock for more than half of its time, is
missing: nobody knows its demand. One that was in stock for a part of its time is scaled up by that part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecasting.errors import InvalidPanel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

FREQUENCIES: Final = {"1d": 1, "1w": 7}
"""Days a period, by its name."""

LONGEST_HORIZON: Final = {"1d": 730, "1w": 104}
LEAST_AVAILABLE: Final = 0.5
"""Share of a period in stock below which its demand is unknown."""

STATICS: Final = ("category", "channel", "region", "sku")
RESERVED: Final = ("unique_id", "ds", "y", "available", *STATICS)


@dataclass(frozen=True, slots=True)
class Panel:
    """History of many series on one calendar.

    `y`: units a period, series x periods, NaN where unknown or before the series began. `first`: the period each began in. `known`:
    covariates that are known ahead, each series x (periods + `ahead`); `past`: covariates known up to the last period. `statics`: for
    each static column, the number of each series' value in `labels`.
    """

    ids: pl.Series
    start: date
    step: int
    y: Floats
    first: Ints
    ahead: int = 0
    known: dict[str, Floats] = field(default_factory=dict)
    past: dict[str, Floats] = field(default_factory=dict)
    statics: dict[str, Ints] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def periods(self) -> int:
        """How many periods there are."""
        return int(self.y.shape[1])

    def day(self, period: int) -> date:
        """The first day of a period, those to come included."""
        return self.start + timedelta(days=self.step * period)

    def until(self, period: int) -> "Panel":
        """What was known before a period, with the known covariates of those after it."""
        began = np.flatnonzero(self.first < period)
        return self.take(began, period)

    def take(self, rows: NDArray[np.int64], periods: int | None = None) -> "Panel":
        """Some of the series, and if asked only their first periods. All of them, in order, are not copied."""
        upto = self.periods if periods is None else periods
        if np.array_equal(rows, np.arange(len(self))):
            past = {name: values[:, :upto] for name, values in self.past.items()}
            return replace(self, y=self.y[:, :upto], ahead=self.ahead + self.periods - upto, past=past)
        return Panel(
            ids=self.ids[rows],
            start=self.start,
            step=self.step,
            y=self.y[rows, :upto],
            first=self.first[rows],
            ahead=self.ahead + self.periods - upto,
            known={name: values[rows] for name, values in self.known.items()},
            past={name: values[rows, :upto] for name, values in self.past.items()},
            statics={name: codes[rows] for name, codes in self.statics.items()},
            labels=self.labels,
        )


def panel(history: pl.DataFrame, freq: str = "1d", covariates: pl.DataFrame | None = None, horizon: int = 0) -> Panel:
    """A panel from frames.

    Args:
        history: `unique_id` (text), `ds` (date), `y` (units a period); optionally `available` (share of the period in stock, 0 to 1), text
            columns of `STATICS` that do not change within a series, and numbers: covariates.
        freq: "1d" or "1w".
        covariates: `ds`, numbers, and `unique_id` unless they hold for all series: what is known ahead. Their past is taken from here
            too where `history` has no column of the name.
        horizon: periods ahead that known covariates must cover.

    Raises:
        InvalidPanel: something is not as said above; the sentence names the series and the column.

    """
    step = step_of(freq)
    check_horizon(horizon, freq)
    rows = _checked(history, step)
    start, last = _ends(rows)
    periods = (last - start).days // step + 1
    rows = rows.with_columns(period=_period(start, step)).sort("unique_id", "period")
    series = rows.group_by("unique_id", maintain_order=True).agg(first=pl.col("period").min().cast(pl.Int32))
    ids = series["unique_id"]
    row = rows.select(pl.col("unique_id").rle_id()).to_series().to_numpy()
    period = rows["period"].to_numpy()
    _refuse_doubles(rows, row, period)
    first = series["first"].to_numpy()
    y = np.zeros((len(ids), periods), np.float32)
    y[np.arange(periods)[None, :] < first[:, None]] = np.nan
    y[row, period] = _demand(rows)
    names = [name for name in history.columns if name not in RESERVED]
    past = {name: _spread(rows, name, row, period, len(ids), periods) for name in names}
    known: dict[str, Floats] = {}
    if covariates is not None:
        known = _known(covariates, ids, start, step, periods, horizon, past)
    statics, labels = _statics(rows, row, len(ids))
    return Panel(
        ids=ids,
        start=start,
        step=step,
        y=y,
        first=first.astype(np.int32),
        ahead=horizon,
        known=known,
        past={name: values for name, values in past.items() if name not in known},
        statics=statics,
        labels=labels,
    )


def step_of(freq: str) -> int:
    """Days a period.

    Raises:
        InvalidPanel: another frequency.

    """
    if freq not in FREQUENCIES:
        raise InvalidPanel(f"The frequency “{freq}” is not known: choose 1d (daily) or 1w (weekly).")
    return FREQUENCIES[freq]


def check_horizon(horizon: int, freq: str, least: int = 0) -> None:
    """Refuse a horizon that is too short or too long.

    Raises:
        InvalidPanel: it is.

    """
    most = LONGEST_HORIZON[freq]
    if not least <= horizon <= most:
        raise InvalidPanel(f"A horizon of {horizon:,} periods cannot be forecast: choose {max(least, 1)} to {most}.")


def _checked(history: pl.DataFrame, step: int) -> pl.DataFrame:
    missing = [name for name in ("unique_id", "ds", "y") if name not in history.columns]
    if missing:
        raise InvalidPanel(f"The history has no column {' and no column '.join(missing)}: it needs unique_id, ds and y.")
    if history.is_empty():
        raise InvalidPanel("The history has no rows: give at least one period of one series.")
    rows = history.with_columns(_text(history, "unique_id"), _date(history, "ds", "history"))
    for name in ("unique_id", "ds"):
        if rows[name].null_count():
            at = int(rows[name].is_null().arg_max() or 0)
            raise InvalidPanel(f"Row {at + 1:,} of the history has no {name}: fill it or leave the row out.")
    rows = rows.with_columns(_number(rows, name, "history") for name in rows.columns if name not in ("unique_id", "ds", *STATICS))
    _refuse(rows, "y", pl.col("y").is_infinite(), "is infinite", "give a number, or nothing if it is unknown")
    _refuse(rows, "y", pl.col("y") < 0, "is below 0", "demand is what was ordered; returns are not taken off")
    if "available" in rows.columns:
        outside = ~pl.col("available").is_between(0, 1)
        _refuse(rows, "available", outside, "is not between 0 and 1", "give the share of the period in stock")
    for name in rows.columns:
        if name not in RESERVED:
            _refuse(rows, name, pl.col(name).is_infinite(), "is infinite", "give a number, or nothing if it is unknown")
    if step == 7:
        weekdays = rows.group_by(day=pl.col("ds").dt.weekday()).agg(pl.col("unique_id").first(), pl.len()).sort("len", descending=True)
        if len(weekdays) > 1:
            odd = weekdays["unique_id"][1]
            raise InvalidPanel(
                f"Weeks of series “{odd}” begin on another day than most (column ds): "
                "let all weeks begin on the same weekday, or take the frequency 1d."
            )
    return rows


def _text(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema[name]
    if kind == pl.String:
        return pl.col(name)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return pl.col(name).cast(pl.String)
    raise InvalidPanel(f"The column {name} holds {kind}, not text: turn its ids into text, so that 7 and 007 stay two series.")


def _date(frame: pl.DataFrame, name: str, what: str) -> pl.Expr:
    kind = frame.schema[name]
    if kind == pl.Date:
        return pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            raise InvalidPanel(
                f"The column {name} of the {what} has the time zone {kind.time_zone}: give dates, cut in the time zone of each channel."
            )
        if not frame.select((pl.col(name).dt.truncate("1d") == pl.col(name)).all()).item():
            raise InvalidPanel(f"The column {name} of the {what} has times within a day: add up to days or weeks first, and give dates.")
        return pl.col(name).dt.date()
    raise InvalidPanel(f"The column {name} of the {what} holds {kind}: give dates.")


def _number(frame: pl.DataFrame, name: str, what: str) -> pl.Expr:
    kind = frame.schema[name]
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        raise InvalidPanel(f"The column {name} of the {what} holds {kind}: give numbers.")
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _refuse(rows: pl.DataFrame, name: str, wrong: pl.Expr, problem: str, remedy: str) -> None:
    first = rows.lazy().filter(wrong).select("unique_id", "ds").sort("unique_id", "ds").head(1).collect()
    if len(first):
        series, ds = first.row(0)
        raise InvalidPanel(f"The column {name} of series “{series}” {problem} on {ds.isoformat()}: {remedy}.")


def _refuse_doubles(rows: pl.DataFrame, row: NDArray[np.uint32], period: NDArray[np.int64]) -> None:
    double = (row[1:] == row[:-1]) & (period[1:] == period[:-1])
    if double.any():
        series, ds = rows.select("unique_id", "ds").row(int(double.argmax()) + 1)
        raise InvalidPanel(f"Series “{series}” has {ds.isoformat()} twice (column ds): add the rows of a period up to one.")


def _ends(rows: pl.DataFrame) -> tuple[date, date]:
    first, last = rows.select(pl.col("ds").min(), pl.col("ds").max().alias("last")).row(0)
    return first, last


def _period(start: date, step: int) -> pl.Expr:
    return (pl.col("ds") - pl.lit(start)).dt.total_days() // step


def _demand(rows: pl.DataFrame) -> Floats:
    y = pl.col("y")
    if "available" in rows.columns:
        share = pl.col("available").fill_null(1.0)
        y = pl.when(share >= LEAST_AVAILABLE).then(y / share)
    return _plain(rows.select(y.alias("y"))["y"])


def _plain(values: pl.Series) -> Floats:
    """Numbers with NaN for what is missing."""
    return values.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def _spread(rows: pl.DataFrame, name: str, row: NDArray[np.uint32], period: NDArray[np.int64], count: int, periods: int) -> Floats:
    values = np.full((count, periods), np.nan, np.float32)
    values[row, period] = _plain(rows[name])
    return values


def _known(
    covariates: pl.DataFrame, ids: pl.Series, start: date, step: int, periods: int, horizon: int, past: dict[str, Floats]
) -> dict[str, Floats]:
    if "ds" not in covariates.columns:
        raise InvalidPanel("The covariates have no column ds: give the date that each row is known for.")
    shared = "unique_id" not in covariates.columns
    names = [name for name in covariates.columns if name not in ("unique_id", "ds")]
    rows = covariates.with_columns(_date(covariates, "ds", "covariates"), *(_number(covariates, name, "covariates") for name in names))
    rows = rows.with_columns(period=_period(start, step))
    rows = rows.filter(pl.col("period").is_between(0, periods + horizon - 1))
    if shared:
        rows = rows.with_columns(row=pl.lit(0, pl.Int64))
        count = 1
    else:
        rows = rows.with_columns(_text(covariates, "unique_id"))
        order = pl.DataFrame({"unique_id": ids, "row": np.arange(len(ids))})
        rows = rows.join(order, on="unique_id", how="inner", maintain_order="left")
        count = len(ids)
    doubles = rows.select("row", "period").is_duplicated()
    if doubles.any():
        series, ds = rows.filter(doubles).select("unique_id" if not shared else pl.lit("all"), "ds").row(0)
        raise InvalidPanel(f"The covariates of series “{series}” have {ds.isoformat()} twice (column ds): give each period once.")
    known: dict[str, Floats] = {}
    for name in names:
        values = np.full((count, periods + horizon), np.nan, np.float32)
        values[rows["row"].to_numpy(), rows["period"].to_numpy()] = _plain(rows[name])
        short = np.isnan(values[:, periods:])
        if horizon and short.any():
            which, when = np.argwhere(short)[0]
            series = "all" if shared else ids[int(which)]
            missing = start + timedelta(days=step * (periods + int(when)))
            raise InvalidPanel(
                f"The covariate {name} of series “{series}” is not known on {missing.isoformat()}: "
                f"give it for all {horizon} periods ahead, or ask for a shorter horizon."
            )
        spread = np.broadcast_to(values, (len(ids), values.shape[1])).copy() if shared else values
        if name in past:
            ours = ~np.isnan(past[name])
            spread[:, :periods][ours] = past[name][ours]
        if np.isinf(spread).any():
            which = int(np.argwhere(np.isinf(spread))[0][0])
            raise InvalidPanel(f"The covariate {name} of series “{ids[which]}” is infinite: give a number, or nothing if it is unknown.")
        known[name] = spread
    return known


def _statics(rows: pl.DataFrame, row: NDArray[np.uint32], count: int) -> tuple[dict[str, Ints], dict[str, list[str]]]:
    statics: dict[str, Ints] = {}
    labels: dict[str, list[str]] = {}
    for name in _present(rows.columns):
        values = rows.select("unique_id", _text(rows, name).fill_null("").alias(name))
        changing = values.group_by("unique_id").agg(pl.col(name).n_unique().alias("n")).filter(pl.col("n") > 1).sort("unique_id")
        if len(changing):
            raise InvalidPanel(f"The column {name} of series “{changing['unique_id'][0]}” changes: give one value for the whole series.")
        names = sorted(values[name].unique())
        number = values[name].replace_strict(names, list(range(len(names))), return_dtype=pl.Int32).to_numpy()
        codes = np.zeros(count, np.int32)
        codes[row] = number
        statics[name], labels[name] = codes, names
    return statics, labels


def _present(columns: Sequence[str]) -> list[str]:
    return [name for name in STATICS if name in columns]
