"""What will become of all lines of a history: drawn part by part, and little of it kept, for there may be many millions of them.

What is not kept is drawn again when it is needed: a line's luck is a function of its channel, time and SKU.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from data_access.demo.company import Company, Flags, Ints
from data_access.demo.demand import Lines
from data_access.demo.fulfilment import Traits, draw_traits
from data_access.demo.returning import Returning, draw_returning
from data_access.demo.rows import parts

_Columns = TypeVar("_Columns", Lines, Traits, Returning)


@dataclass(slots=True)
class Fates:
    """By line: who would cancel it (`Traits.cancels`), whether it is not found if it is looked for, whether it comes back if it is shipped.

    Of those that come back, by their own number: the line's number, the line, its traits, and how it comes back.
    """

    cancels: Ints
    pick_fails: Flags
    comes_back: Flags
    rows: Ints
    lines: Lines
    traits: Traits
    returning: Returning

    def number(self, rows: Ints) -> Ints:
        """The own numbers of lines that come back."""
        return np.searchsorted(self.rows, rows)


def draw_fates(company: Company, lines: Lines) -> Fates:
    """The fates of all lines."""
    cancels, pick_fails = np.empty(len(lines), np.int8), np.empty(len(lines), bool)
    comes_back = np.empty(len(lines), bool)
    chunks: list[tuple[Lines, Traits, Returning]] = []
    for part in parts(len(lines)):
        some = lines.part(part)
        traits, returning = draw_traits(company, some), draw_returning(company, some)
        cancels[part], pick_fails[part], comes_back[part] = traits.cancels, traits.pick_fails, returning.comes_back
        back = np.flatnonzero(returning.comes_back)
        chunks.append((some.take(back), traits.take(back), returning.take(back)))
    return Fates(
        cancels,
        pick_fails,
        comes_back,
        np.flatnonzero(comes_back),
        _joined([one[0] for one in chunks]),
        _joined([one[1] for one in chunks]),
        _joined([one[2] for one in chunks]),
    )


def _joined(chunks: list[_Columns]) -> _Columns:
    return type(chunks[0])(*(np.concatenate([getattr(one, column.name) for one in chunks]) for column in fields(chunks[0])))
