"""Which package of a known line a row is of, and how many units leave with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from data_access.domain.ledger_state import Line

_Row = Mapping[str, Any]
_ADVICE: Final = "If each row names the units of its own package, set lines.quantity in the mapping; else mend the row, or dismiss it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """What a row that has left says of its line.

    `units`: that leave with it; `growth`: of these, those beyond what was ordered as far as known; `packages`: known ones that it is
    of; `is_package`: its quantity is its package's; `problem`: why that cannot be known.
    """

    units: int = 0
    growth: int = 0
    packages: Sequence[Any] = ()
    is_package: bool = False
    problem: str | None = None


def shipping(row: _Row, line: Line, packages: Sequence[Any], *, may_grow: bool) -> Shipping:
    """What becomes of a row by `files.orders.ROWS` that has left, of a line with these `packages` (rows of `shipment`).

    `may_grow`: by its mapping, a row's quantity is its package's, so that a further package is more units.
    """
    own = [package for package in packages if _is_same(row, package)]
    open_ones = [package for package in packages if not own and _may_be_same(row, package)]
    if row["package_quantity"] is not None:
        return _of_package(row, line, packages, own, open_ones, may_grow=may_grow)
    left = line.quantity - line.cancelled
    if own and len(own) < len(packages) and row["quantity"] in (_units(own), left):
        return Shipping(packages=own, is_package=True, units=0)
    if own or open_ones or not packages:
        return Shipping(units=max(min(row["quantity"], left) - line.shipped, 0), packages=packages)
    if row["quantity"] == left and left > line.shipped:
        return Shipping(units=left - line.shipped)
    if row["quantity"] <= min(left - line.shipped, line.shipped):  # as its line's units, none would have left in this package
        return Shipping(units=row["quantity"], is_package=True)
    return Shipping(problem=_other_package(row, line, packages))


def _of_package(
    row: _Row, line: Line, packages: Sequence[Any], own: Sequence[Any], open_ones: Sequence[Any], *, may_grow: bool
) -> Shipping:
    units, room = row["package_quantity"], line.quantity - line.cancelled - line.shipped
    if own:
        if _units(own) == units:
            return Shipping(packages=own, is_package=True)
        problem = f"The package is known with {_words(_units(own))}, and the row says {units}: mend the row, or dismiss it."
        return Shipping(is_package=True, problem=problem)
    same = [package for package in open_ones if package["quantity"] == units]
    if same:
        return Shipping(packages=same[:1], is_package=True)
    if units <= room:
        return Shipping(units=units, is_package=True)
    if may_grow and not line.cancelled:
        return Shipping(units=units, growth=units - room, is_package=True)
    return Shipping(is_package=True, problem=_other_package(row, line, packages))


def _is_same(row: _Row, package: _Row) -> bool:
    number = row["tracking_number"]
    if number is None and package["tracking_number"] is None:
        return row["carrier"] is not None and package["carrier"] is not None and _carriers_fit(row, package)
    return number is not None and number == package["tracking_number"] and _carriers_fit(row, package)


def _may_be_same(row: _Row, package: _Row) -> bool:
    is_open = row["tracking_number"] is None or package["tracking_number"] is None
    return is_open and _carriers_fit(row, package)


def _carriers_fit(row: _Row, package: _Row) -> bool:
    one, other = row["carrier"], package["carrier"]
    return one is None or other is None or one.casefold() == other.casefold()


def _units(packages: Sequence[Any]) -> int:
    return sum(package["quantity"] for package in packages)


def _other_package(row: _Row, line: Line, packages: Sequence[Any]) -> str:
    known = ", ".join(str(package["tracking_number"] or package["carrier"] or package["shipment_ref"]) for package in packages)
    units = row["quantity"] if row["package_quantity"] is None else row["package_quantity"]
    name = row["tracking_number"] or row["carrier"] or "another"
    how_much = f"{_words(line.shipped)} of {line.quantity} left in package {known}" if packages else f"the line has {_words(line.quantity)}"
    return f"The row says {_words(units)} in package {name}, and {how_much}: it cannot be told what left in which. {_ADVICE}"


def _words(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"
