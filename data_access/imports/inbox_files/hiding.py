"""What rows of the inbox say of persons is not shown: cells that a mapping reads, and so are stored, are masked on pages and in exports.

A masked cell that comes back, by the page or in a file, takes the stored value of its inbox row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from data_access.errors import InvalidInput
from data_access.imports.files.delimited.personal import MAIL, MASK, personal_places
from data_access.imports.files.delimited.records import Form, Unfit, fitted
from data_access.imports.files.row_ids import record_of
from data_access.imports.inbox_files.layout import RunRecipe, layout_of

HIDDEN: Final = "(hidden)"


@dataclass(frozen=True, slots=True)
class Hiding:
    """Of records with these columns. Hidden are the cells of columns that say something of persons, and e-mail addresses in any other."""

    header: tuple[str, ...]
    form: Form

    def hidden(self, text: str) -> str:
        """The record as it is shown."""
        cells = self._cells(text)
        if cells is None:
            return MAIL.sub(HIDDEN, text)
        places = personal_places(self.header)
        shown = [HIDDEN if self._says(place in places, cell) else cell for place, cell in enumerate(cells)]
        return text if shown == list(cells) else record_of(shown, self.form)

    @staticmethod
    def _says(is_personal: bool, cell: str) -> bool:
        return (is_personal and cell.strip() not in ("", MASK)) or MAIL.search(cell) is not None

    def revealed(self, text: str, stored: str) -> str:
        """A record that came back, with what `stored` has in place of what is hidden in it."""
        if HIDDEN not in text:
            return text
        cells, known = self._cells(text), self._cells(stored)
        if cells is None or known is None:
            mails = iter(MAIL.findall(stored))
            return re.sub(re.escape(HIDDEN), lambda match: next(mails, match[0]), text)
        after = self.revealed_cells(cells, known)
        return text if after == list(cells) else record_of(after, self.form)

    @staticmethod
    def revealed_cells(cells: Sequence[str], stored: Sequence[str]) -> list[str]:
        """The same of cells."""
        return [there if cell.strip() == HIDDEN else cell for cell, there in zip(cells, stored, strict=True)]

    def _cells(self, text: str) -> tuple[str, ...] | None:
        try:
            return fitted(text, self.form, len(self.header))
        except Unfit:
            return None


@lru_cache(maxsize=64)
def _hiding(run_kind: str, mapping: str, recipe: str) -> Hiding:
    try:
        layout = layout_of(RunRecipe(run_kind, mapping, recipe))
    except InvalidInput:  # of a release that wrote recipes in another way
        return Hiding((), Form())
    return Hiding(layout.header, layout.form)


def hiding_of(run: Any) -> Hiding:
    """Of the rows of an import with the `RUN_COLUMNS` of `layout`; None: of an event, in which only e-mail addresses are hidden."""
    if run is None:
        return Hiding((), Form())
    return _hiding(run.run_kind, run.mapping, run.recipe)
