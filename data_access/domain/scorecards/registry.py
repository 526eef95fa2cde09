"""The metrics that marketplaces hold a seller to, read from `registry.toml`: data, not code. `docs/scorecards.md` explains every key."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any, Final

from data_access.errors import InvalidInput

OWN: Final = "own"
GRADES: Final = ("A", "B", "C")
DIRECTIONS: Final = ("lower", "higher")
MEASURES: Final = ("rate", "average")
EVALUATED: Final = ("daily", "weekly", "monthly")
DATES: Final = ("placed", "ship_by", "shipped", "deliver_by", "delivered", "received")
# For each kind that is computed from the orders up, what it may count.
COMPUTED: Final[Mapping[str, tuple[str, ...]]] = {
    "late_shipment": ("order",),
    "late_acceptance": ("order",),
    "shipped_with_tracking": ("order",),
    "cancellation": ("order",),
    "valid_tracking": ("order", "package"),
    "tracking_on_time": ("order",),
    "on_time_delivery": ("order", "unit"),
    "return_rate": ("order",),
}
UNITS: Final = ("order", "package", "unit", "message", "review")


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a metric looks: `days`, or `months` of the calendar; `fallback_months` if those hold fewer than `enough` subjects."""

    days: int | None = None
    months: int | None = None
    fallback_months: int | None = None
    enough: int | None = None

    @property
    def words(self) -> str:
        """For people: "30 days", "3 months, or 12 if they hold fewer than 400"."""
        if self.days is not None:
            return f"{self.days} day" if self.days == 1 else f"{self.days} days"
        months = f"{self.months} month" if self.months == 1 else f"{self.months} months"
        return months if self.fallback_months is None else f"{months}, or {self.fallback_months} if they hold fewer than {self.enough}"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the registry.

    `target`: exact; a share for a rate, stars for an average. `strict`: a rate that equals the target misses it. `extra_cap`: at most so
    many misses too. `reporting_lag`: days that the window ends before today. `computes`: which of `COMPUTED`; None: there are no data for
    it, the marketplace's own figure is to be recorded. `on`: shown as a judgement; if not, `off_because` says what a person must confirm.
    """

    id: str
    marketplace: str
    name: str
    numerator: str
    denominator: str
    unit: str
    dated_by: str
    dating_grade: str
    dating: str
    window: Window
    target: Fraction
    direction: str
    needs: tuple[str, ...]
    source: str
    grade: str
    region: str | None = None
    measure: str = "rate"
    evaluated: str = "daily"
    reporting_lag: int = 0
    strict: bool = False
    extra_cap: int | None = None
    computes: str | None = None
    effective_from: date | None = None
    target_is_assumed: bool = False
    on: bool = True
    off_because: str = ""

    @property
    def miss_limit(self) -> Fraction:
        """The share of misses that the target allows."""
        return self.target if self.direction == "lower" else 1 - self.target

    @property
    def target_words(self) -> str:
        """For people: "< 4 %", "<= 3 % and at most 5", ">= 4.8"."""
        sign = {"lower": "<", "higher": ">"}[self.direction] + ("" if self.strict else "=")
        figure = Decimal(self.target.numerator) / Decimal(self.target.denominator) * (100 if self.measure == "rate" else 1)
        cap = "" if self.extra_cap is None else f" and at most {self.extra_cap}"
        return f"{sign} {figure.normalize():f}{' %' if self.measure == 'rate' else ''}{cap}"


_FIELDS: Final = {field.name: field for field in fields(Metric) if field.name not in ("on", "off_because")}
_NEEDED: Final = [name for name, field in _FIELDS.items() if field.default is MISSING]
_CHOICES: Final = {
    "unit": UNITS,
    "dated_by": DATES,
    "dating_grade": GRADES,
    "grade": GRADES,
    "direction": DIRECTIONS,
    "measure": MEASURES,
    "evaluated": EVALUATED,
}
_TYPES: Final = {"reporting_lag": int, "strict": bool, "extra_cap": int, "effective_from": date, "target_is_assumed": bool}


@cache
def registry() -> tuple[Metric, ...]:
    """The metrics that come with OnHand."""
    return load(resources.files("data_access.domain.scorecards").joinpath("registry.toml").read_text("utf-8"))


def load(text: str) -> tuple[Metric, ...]:
    """Metrics from a text of TOML, in its order.

    Raises:
        InvalidInput: it is not TOML, or a metric lacks a key, has an unknown one or a value that cannot be; the sentence names both.

    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The registry of metrics is not readable TOML: {error}.") from error
    if set(raw) != {"metric"} or not isinstance(raw["metric"], list):
        raise InvalidInput("The registry of metrics consists of [[metric]] tables and nothing else.")
    metrics = tuple(_metric(row, number) for number, row in enumerate(raw["metric"], 1))
    seen: set[str] = set()
    for metric in metrics:
        if metric.id in seen:
            raise InvalidInput(f"The registry has two metrics {metric.id!r}: give each its own id.")
        seen.add(metric.id)
    return metrics


def for_channel(metrics: Sequence[Metric], marketplace: str | None, country: str | None) -> tuple[Metric, ...]:
    """The metrics of a channel: its marketplace's; the company's own where it has none, or one that the registry does not know.

    A metric of another region than the channel's home market is off until a person confirms that it holds there too.
    """
    theirs = [metric for metric in metrics if metric.marketplace == marketplace and marketplace != OWN]
    return tuple(_in_region(metric, country) for metric in theirs or [metric for metric in metrics if metric.marketplace == OWN])


def with_target(metric: Metric, target: str, *, strict: bool | None = None) -> Metric:
    """The metric with another target, as the company sets it for its own channels, or a marketplace states it for one seller.

    Raises:
        InvalidInput: it is no share between 0 and 1 (of an average: no number above 0), or one that nothing can meet.

    """
    hard = metric.strict if strict is None else strict
    return replace(metric, target=_target(target, metric.measure, metric.direction, hard, metric.id), strict=hard, target_is_assumed=False)


def _in_region(metric: Metric, country: str | None) -> Metric:
    if metric.region is None or metric.region == country:
        return metric
    where = f"the channel's is {country}" if country else "the channel names none"
    return replace(metric, on=False, off_because=f"The source is for {metric.region}, {where}: confirm that it holds here.")


def _metric(row: object, number: int) -> Metric:
    if not isinstance(row, dict):
        raise InvalidInput(f"Metric {number} of the registry is not a table.")
    name = str(row.get("id", f"number {number}"))
    if missing := [key for key in _NEEDED if key not in row]:
        raise InvalidInput(f"Metric {name}: {missing[0]} is missing.")
    if unknown := [key for key in row if key not in _FIELDS]:
        raise InvalidInput(f"Metric {name}: {unknown[0]!r} is no key of a metric.")
    values: dict[str, Any] = dict(row)
    for key, value in row.items():
        _check(name, key, value)
    values["needs"] = tuple(row["needs"])
    values["window"] = _window(row["window"], name)
    values["target"] = _target(row["target"], row.get("measure", "rate"), row["direction"], row.get("strict", False), name)
    computes = row.get("computes")
    if computes is not None and row["unit"] not in COMPUTED[computes]:
        raise InvalidInput(f"Metric {name}: {computes} cannot be counted by {row['unit']}, only by {' or '.join(COMPUTED[computes])}.")
    if computes is not None and row["dated_by"] == "received":
        raise InvalidInput(f"Metric {name}: what is computed is dated by one of {', '.join(DATES[:-1])}.")
    if row["grade"] == "C":
        values |= {"on": False, "off_because": f"The source is uncertain ({row['source']}): confirm it."}
    return Metric(**values)


def _check(name: str, key: str, value: object) -> None:
    """Raise if the value of a key has the wrong type or is none of its choices."""
    if key in ("window", "target"):
        return
    if key == "needs":
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
            raise InvalidInput(f"Metric {name}: needs is a list of words.")
        return
    kind = _TYPES.get(key, str)
    if type(value) is not kind or value == "":
        raise InvalidInput(f"Metric {name}: {key} is {value!r}, not {'a text' if kind is str else f'of type {kind.__name__}'}.")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise InvalidInput(f"Metric {name}: {key} is {value!r}, not one of {', '.join(_CHOICES[key])}.")
    if key == "computes" and value not in COMPUTED:
        raise InvalidInput(f"Metric {name}: {value!r} is not computed; one of {', '.join(COMPUTED)} is.")
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        raise InvalidInput(f"Metric {name}: {key} is {value}, below 0.")


def _window(raw: object, name: str) -> Window:
    allowed = ({"days"}, {"months"}, {"months", "fallback_months", "enough"})
    if not isinstance(raw, dict) or set(raw) not in allowed or not all(type(value) is int and value > 0 for value in raw.values()):
        raise InvalidInput(f"Metric {name}: window has days, or months, or months with fallback_months and enough; all above 0.")
    return Window(**raw)


def _target(raw: object, measure: str, direction: str, strict: bool, name: str) -> Fraction:
    """Exact. A text, for 0.04 as a number is not 4 %."""
    try:
        decimal = Decimal(raw) if isinstance(raw, str) else Decimal("nan")
    except InvalidOperation:
        decimal = Decimal("nan")
    if not decimal.is_finite():
        raise InvalidInput(f'Metric {name}: target is {raw!r}, not a decimal written as text, such as "0.04".')
    if decimal < 0 or (measure == "rate" and decimal > 1):
        raise InvalidInput(f"Metric {name}: target {raw} is no share between 0 and 1.")
    target = Fraction(decimal)
    if strict and measure == "rate" and target == (0 if direction == "lower" else 1):
        raise InvalidInput(f"Metric {name}: nothing can be {'below 0' if direction == 'lower' else 'above 100'} %.")
    return target
