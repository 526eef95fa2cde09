"""What a file says of persons and its mapping does not ask for: it is not kept with rows that go to the inbox."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from data_access.imports.files.delimited.records import Form, Unfit, fitted
from data_access.imports.files.row_ids import record_of

MASK: Final = "(not kept)"
_PERSONAL: Final = re.compile(
    r"\b(?:e ?mails?|phone|telephone|tel|mobile|fax|address\d*|addr\d*|street|recipient|zip|post ?code|postal"
    r"|(?:buyer|ship|shipping|billing|customer|first|last|full|company|user)(?: to)? ?name|company"
    r"|telefon|handy|anschrift|adresse\d*|strasse|plz|postleitzahl|empf\xe4nger|vorname|nachname)\b"
)
MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


@dataclass(frozen=True, slots=True)
class Masked:
    """Makes texts of records whose cells at `places` are not to be kept; of a row of another form, no e-mail address is."""

    places: Collection[int]
    form: Form
    width: int

    def __call__(self, text: str) -> str:
        """The text with a mark in place of those of the cells that are filled."""
        try:
            cells = fitted(text, self.form, self.width)
        except Unfit:
            return MAIL.sub(MASK, text)
        kept = [MASK if place in self.places and cell.strip() else cell for place, cell in enumerate(cells)]
        return text if kept == list(cells) else record_of(kept, self.form)


def masked_of(header: Sequence[str], wanted: Collection[int], form: Form) -> Masked | None:
    """For a file with these columns, of which a mapping reads those at the places `wanted`; None if the others say nothing of persons."""
    places = personal_places(header) - set(wanted)
    return Masked(places, form, len(header)) if places else None


def personal_places(header: Sequence[str]) -> frozenset[int]:
    """The places of the columns that say something of persons, as their names tell."""
    names = [re.sub(r"[\W_]+", " ", name.casefold()) for name in header]
    return frozenset(place for place, name in enumerate(names) if _PERSONAL.search(name))
