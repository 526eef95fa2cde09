"""Errors that a person can act on: one sentence that says what is wrong, where, and what to do."""

from collections.abc import Mapping
from typing import Any


class OnHandError(Exception):
    """A failure with a sentence for the person who caused or meets it. The command line exits with 2."""


class StoreUnavailable(OnHandError):
    """The database cannot be reached, read or written just now."""


class StoreReplaced(StoreUnavailable):
    """Another store is at the path than the one that was written to: what was written last is not in it."""


class StoreOutOfDate(OnHandError):
    """The database's schema is older or newer than this code."""


class InvalidInput(OnHandError):
    """What was given cannot be taken: a file, a mapping, an option, a form."""


class Conflict(OnHandError):
    """Someone else changed the same thing first."""


class Forbidden(OnHandError):
    """The person may not do this; nothing was changed."""


class Refused(InvalidInput):
    """A form cannot be saved; nothing was. `problems`: for each thing that was to be saved, by its place, a sentence by field."""

    def __init__(self, problems: Mapping[int, Mapping[str, str]]) -> None:
        sentences = list(dict.fromkeys(sentence for fields in problems.values() for sentence in fields.values()))
        more = f" And {len(sentences) - 3:,} other problems." if len(sentences) > 3 else ""
        super().__init__(" ".join(sentences[:3]) + more)
        self.problems = problems


class ChangedMeanwhile(Conflict):
    """Someone else changed what a person was editing. `now`: its values by field (empty: it is gone); `by`: who changed it."""

    def __init__(self, sentence: str, now: Mapping[str, Any], version: int | None, by: str) -> None:
        super().__init__(sentence)
        self.now = now
        self.version = version
        self.by = by
