"""What a pooled model knows of a series at an origin, and of a period ahead of it: numbers that mean the same for every series.

A row is a series, an *origin* (how many periods are known) and a horizon (1 for the next period). All levels are given relative to the
series' own *scale* at the origin, so that a model learns shapes, not sizes. Window sums come from running sums, so a row costs the same
however long its history is.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.grouping import sums
from forecasting.panel import Floats, Panel

WINDOWS: Final = {1: (7, 14, 28, 56, 91, 182, 364), 7: (1, 2, 4, 8, 13, 26, 52)}
"""Periods of the level windows, by days a period."""

SCALE_WINDOWS: Final = {1: (28, 91, 364), 7: (4, 13, 52)}
SCALE_WEIGHTS: Final = (0.5, 0.3, 0.2)
YEAR: Final = {1: 364, 7: 52}
"""Periods after which the same weekday of the year comes again."""

AROUND: Final = {1: 7, 7: 1}
"""Periods on either side of last year's that are averaged."""

PRIOR: Final = {1: 14.0, 7: 2.0}
"""Periods of the group's mean that a young series' scale is mixed with."""

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows: three arrays of one length."""

    series: Index
    origin: Index
    horizon: Index

    def __len__(self) -> int:
        return len(self.series)

    @property
    def target(self) -> Index:
        """The period each row is about."""
        return self.origin + self.horizon - 1

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Rows":
        """Some of them."""
        return Rows(self.series[chosen], self.origin[chosen], self.horizon[chosen])


class _Running:
    """Sums and counts of what is known in any window of any row of a matrix, from running sums."""

    def __init__(self, values: NDArray[np.floating[Any]]) -> None:
        known = ~np.isnan(values)
        self.sums = _cumulated(np.where(known, values, 0.0))
        self.counts = _cumulated(known, np.float32)

    def window(self, row: Index, start: Index, stop: Index) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and count in the columns from `start` to before `stop`; what lies outside is empty."""
        last = self.sums.shape[1] - 1
        low, high = np.clip(start, 0, last), np.clip(stop, 0, last)
        return self.sums[row, high] - self.sums[row, low], self.counts[row, high] - self.counts[row, low]

    def mean(self, row: Index, start: Index, stop: Index) -> NDArray[np.float64]:
        """Mean in a window; NaN where nothing is known."""
        sums, counts = self.window(row, start, stop)
        return _over(sums, counts)


def _cumulated(values: NDArray[np.generic], kind: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Running sums along rows, 0 first. Counts are exact in single precision, and half as large."""
    running = np.zeros((values.shape[0], values.shape[1] + 1), kind)
    np.cumsum(values, axis=1, dtype=kind, out=running[:, 1:])
    return running


def _over(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratio


class _Deflated(_Running):
    """Demand by what drives it: a mean is the sum of demand over the sum of multipliers."""

    def __init__(self, values: Floats, multipliers: Floats) -> None:
        super().__init__(values)
        known = ~np.isnan(values)
        self.counts = _cumulated(np.where(known, multipliers, 0.0))


class Features:
    """The features of a panel's rows. Holds running sums of the panel: make one for each chunk of series."""

    def __init__(self, panel: Panel, groups: "Groups", multipliers: Floats | None = None) -> None:
        self.panel = panel
        self.multipliers = multipliers
        self.groups = groups
        self.step = panel.step
        self._demand = _Running(panel.y) if multipliers is None else _Deflated(panel.y, multipliers[:, : panel.periods])
        self._sold = _Running(np.where(np.isnan(panel.y), np.nan, (panel.y > 0).astype(np.float32)))
        self._squares = _Running(panel.y.astype(np.float64) ** 2)
        self._last_sold = _last(panel.y)
        self._weekday = _Running(_by_weekday(panel.y)) if self.step == 1 else None
        logs = np.log1p(panel.y)
        self._known = {name: _Running(values) for name, values in panel.known.items()}
        self._responses = {name: _Response(values[:, : panel.periods], logs) for name, values in panel.known.items()}

    def steady(self, rows: Rows) -> NDArray[np.float64]:
        """Units a period to expect where nothing can be learned: a mean of recent ones, mixed with as much of its group's as one demand
        of the group takes in time.
        """
        own = np.nan_to_num(self._recent(rows))
        _, known = self._demand.window(rows.series, rows.origin - SCALE_WINDOWS[self.step][1], rows.origin)
        rate = self.groups.level(self.panel, rows, sold=True)
        weight = np.minimum(1.0 / np.maximum(rate, 1e-3), PRIOR[self.step])
        steady: NDArray[np.float64] = (own * known + self.groups.level(self.panel, rows) * weight) / (known + weight)
        return steady if self.multipliers is None else steady * self.multipliers[rows.series, rows.target]

    def scale(self, rows: Rows) -> NDArray[np.float64]:
        """Units a period that the series' levels are measured in: a mean of recent ones, mixed with its group's while it is young."""
        own = self._recent(rows)
        _, known = self._demand.window(rows.series, rows.origin - SCALE_WINDOWS[self.step][1], rows.origin)
        prior = self.groups.level(self.panel, rows)
        mixed = (np.nan_to_num(own) * known + prior * PRIOR[self.step]) / (known + PRIOR[self.step])
        young = np.isnan(own) | (known < 4 * PRIOR[self.step])
        scale: NDArray[np.float64] = np.maximum(np.where(young, mixed, own), 0.5 / YEAR[self.step])
        return scale if self.multipliers is None else scale * self.multipliers[rows.series, rows.target]

    def _recent(self, rows: Rows) -> NDArray[np.float64]:
        """Mean of the recent units a period, the latest counting most; NaN where none is known."""
        total = np.zeros(len(rows))
        weight = np.zeros(len(rows))
        for window, share in zip(SCALE_WINDOWS[self.step], SCALE_WEIGHTS, strict=True):
            sums, counts = self._demand.window(rows.series, rows.origin - window, rows.origin)
            enough = counts > 0
            total += np.where(enough, share * sums / np.maximum(counts, 1), 0.0)
            weight += np.where(enough, share, 0.0)
        return _over(total, weight)

    def table(self, rows: Rows, scale: NDArray[np.float64]) -> tuple[Floats, list[str]]:
        """The features (rows x columns) and their names."""
        columns: dict[str, NDArray[np.generic]] = {}
        row, origin, target = rows.series, rows.origin, rows.target
        if self.multipliers is not None:
            columns["multiplier"] = np.log(self.multipliers[row, target])
            scale = scale / self.multipliers[row, target]
        age = origin - self.panel.first[row]
        columns["horizon"] = rows.horizon
        columns["log_scale"] = np.log(scale)
        columns["age"] = np.minimum(age, 3 * YEAR[self.step])
        for window in WINDOWS[self.step]:
            columns[f"level_{window}"] = self._demand.mean(row, origin - window, origin) / scale
        short, long = WINDOWS[self.step][2], WINDOWS[self.step][4]
        columns["sold_short"] = self._sold.mean(row, origin - short, origin)
        columns["sold_long"] = self._sold.mean(row, origin - long, origin)
        mean = self._demand.mean(row, origin - long, origin)
        columns["spread"] = np.sqrt(np.maximum(self._squares.mean(row, origin - long, origin) - mean**2, 0.0)) / scale
        columns["since_sold"] = np.minimum(origin - self._last_sold[row, np.maximum(origin - 1, 0)], YEAR[self.step])
        self._seasons(columns, rows, scale)
        self._calendar(columns, rows)
        for name, running in self._known.items():
            now = self.panel.known[name][row, target]
            usual = running.mean(row, origin - SCALE_WINDOWS[self.step][1], origin)
            columns[name] = now
            columns[f"{name}_change"] = now - usual
            columns[f"{name}_response"] = self._responses[name].at(row, origin, now, usual)
        for name, codes in self.panel.statics.items():
            if name != "sku":
                columns[name] = codes[row]
        self.groups.add(columns, self.panel, rows)
        table = np.empty((len(rows), len(columns)), np.float32)
        for number, values in enumerate(columns.values()):
            table[:, number] = values
        return table, list(columns)

    def _seasons(self, columns: dict[str, NDArray[np.generic]], rows: Rows, scale: NDArray[np.float64]) -> None:
        row, origin, target = rows.series, rows.origin, rows.target
        year, around = YEAR[self.step], AROUND[self.step]
        columns["year_ago"] = self._demand.mean(row, target - year - around, target - year + around + 1) / scale
        columns["year_ago_then"] = self._demand.mean(row, origin - year - 4 * around, origin - year) / scale
        if self._weekday is not None:
            weeks = -(-rows.horizon // 7)
            at = target - 7 * weeks
            for count in (4, 12):
                columns[f"weekday_{count}"] = _weekday_mean(self._weekday, row, at, count, self.panel.periods) / scale

    def _calendar(self, columns: dict[str, NDArray[np.generic]], rows: Rows) -> None:
        ends = int(rows.target.max()) + 1 if len(rows) else 1
        days = [self.panel.start + timedelta(days=self.step * period) for period in range(ends)]
        columns["day_of_year"] = np.array([day.timetuple().tm_yday for day in days])[rows.target]
        if self.step == 1:
            columns["weekday"] = np.array([day.weekday() for day in days])[rows.target]
            columns["day_of_month"] = np.array([day.day for day in days])[rows.target]


def _by_weekday(y: Floats) -> Floats:
    """Columns regrouped so that the same weekday's periods lie beside each other: series x (7 * weeks), weekday by weekday."""
    weeks = -(-y.shape[1] // 7)
    padded = np.full((y.shape[0], weeks * 7), np.nan, np.float32)
    padded[:, : y.shape[1]] = y
    return padded.reshape(len(y), weeks, 7).transpose(0, 2, 1).reshape(len(y), weeks * 7)


def _weekday_mean(running: _Running, row: Index, at: Index, count: int, periods: int) -> NDArray[np.float64]:
    """Mean of the `count` periods `at`, `at` - 7, ... in the layout of `_by_weekday`."""
    weeks = -(-periods // 7)
    base = (at % 7) * weeks
    stop = base + at // 7 + 1
    mean = running.mean(row, np.maximum(stop - count, base), np.maximum(stop, base))
    return np.where(at >= 0, mean, np.nan)


def _last(y: Floats) -> Index:
    """For each period, the last one up to it with demand; -364 before the first."""
    at = np.where(np.nan_to_num(y) > 0, np.arange(y.shape[1])[None, :], -364)
    return np.maximum.accumulate(at, axis=1)


class _Response:
    """How a series' log demand moved with a covariate so far: a ridge slope from running moments."""

    RIDGE: Final = 0.8

    def __init__(self, x: Floats, logs: Floats) -> None:
        both = ~np.isnan(x) & ~np.isnan(logs)
        x = np.where(both, x, 0.0)
        logs = np.where(both, logs, 0.0)
        spread = np.nanstd(np.where(both, x, np.nan)) if both.any() else 0.0
        self.unit = float(spread) if spread > 0 else 1.0
        x = x / self.unit
        self.n, self.x, self.l = _cumulated(both, np.float32), _cumulated(x), _cumulated(logs)
        self.xx, self.xl = _cumulated(x * x), _cumulated(x * logs)

    def at(self, row: Index, origin: Index, now: Floats, usual: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change of log demand that the value `now` brings against the `usual`, by the slope known at the origin."""
        n = np.maximum(self.n[row, origin], 1.0)
        mean = self.x[row, origin] / n
        variance = self.xx[row, origin] - n * mean**2
        together = self.xl[row, origin] - mean * self.l[row, origin]
        slope = together / (np.maximum(variance, 0.0) + self.RIDGE)
        response: NDArray[np.float64] = slope * (now - usual) / self.unit
        return response


class Groups:
    """What all series together, and those of one category or channel, did: their seasons and trends show before a single series' do."""

    def __init__(self, panel: Panel) -> None:
        self.names = ["all", *(name for name in ("category", "channel", "region") if name in panel.statics)]
        self.step = panel.step
        self._mean: dict[str, _Running] = {}
        self._sold: dict[str, _Running] = {}
        for name in self.names:
            codes = self._codes(panel, name)
            count = int(codes.max()) + 1 if len(codes) else 1
            self._mean[name] = _Running(_group_mean(panel.y, codes, count))
            if name == self._narrowest:
                sold = np.where(np.isnan(panel.y), np.nan, panel.y > 0).astype(np.float32)
                self._sold[name] = _Running(_group_mean(sold, codes, count))

    @staticmethod
    def _codes(panel: Panel, name: str) -> NDArray[np.int32]:
        return np.zeros(len(panel), np.int32) if name == "all" else panel.statics[name]

    @property
    def _narrowest(self) -> str:
        return self.names[1] if len(self.names) > 1 else "all"

    def level(self, panel: Panel, rows: Rows, sold: bool = False) -> NDArray[np.float64]:
        """Mean units a period of the narrowest group that a series belongs to, lately. `sold`: share of its periods with demand."""
        name = self._narrowest
        group = self._codes(panel, name)[rows.series].astype(np.int64)
        window = SCALE_WINDOWS[self.step][1]
        level = (self._sold if sold else self._mean)[name].mean(group, rows.origin - window, rows.origin)
        return np.nan_to_num(level, nan=0.0)

    def add(self, columns: dict[str, NDArray[np.generic]], panel: Panel, rows: Rows) -> None:
        """Each group's recent trend, and what it did last year between the origin and the target."""
        short, long = WINDOWS[self.step][1], WINDOWS[self.step][3]
        year, around = YEAR[self.step], AROUND[self.step]
        for name in self.names:
            group = self._codes(panel, name)[rows.series].astype(np.int64)
            running = self._mean[name]
            recent = running.mean(group, rows.origin - long, rows.origin)
            columns[f"{name}_trend"] = _over(np.nan_to_num(running.mean(group, rows.origin - short, rows.origin)), np.nan_to_num(recent))
            then = running.mean(group, rows.origin - year - long, rows.origin - year)
            ahead = running.mean(group, rows.target - year - around, rows.target - year + around + 1)
            columns[f"{name}_year"] = _over(np.nan_to_num(ahead), np.nan_to_num(then))


def _group_mean(values: Floats, codes: NDArray[np.int32], count: int) -> Floats:
    return _over(sums(values, codes, count), sums(~np.isnan(values), codes, count)).astype(np.float32)
