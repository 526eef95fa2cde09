"""Errors that a person can act on: one sentence that says what is wrong, where, and what to do."""


class OnHandError(Exception):
    """A failure with a sentence for the person who caused or meets it. The command line exits with 2."""


class StoreUnavailable(OnHandError):
    """The database cannot be reached, read or written just now."""


class StoreOutOfDate(OnHandError):
    """The database's schema is older or newer than this code."""


class InvalidInput(OnHandError):
    """What was given cannot be taken: a file, a mapping, an option, a form."""


class Conflict(OnHandError):
    """Someone else changed the same thing first."""
