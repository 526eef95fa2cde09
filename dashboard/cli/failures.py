"""What goes wrong in a command, as one sentence: what a person can cause has no stack trace."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer

from dashboard.cli.terminal import printable
from data_access.errors import OnHandError

BAD_INPUT: Final = 2
INTERRUPTED: Final = 130  # what Typer makes of Ctrl-C


@contextmanager
def one_sentence() -> Iterator[None]:
    """End the process with code 2 and a sentence on stderr where a person can mend what went wrong; all else keeps its traceback."""
    try:
        yield
    except OnHandError as error:
        _fail(str(error))
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        _fail("Stopped. What was finished is kept; the same command goes on from there.")
    except OSError as error:
        sentence = _os_sentence(error)
        if sentence is None:
            raise
        _fail(sentence)
    except Exception as error:
        sentence = _database_sentence(error)
        if sentence is None:
            raise
        _fail(sentence)


def _fail(sentence: str) -> NoReturn:
    typer.echo(printable(sentence), err=True)
    sys.exit(BAD_INPUT)


def _os_sentence(error: OSError) -> str | None:
    where = error.filename or "the disk"
    sentences = {
        errno.ENOSPC: f"There is no space left on {where}: free some and try again; nothing that was there is lost.",
        errno.EROFS: f"{where} is read-only: choose a place that can be written to.",
        errno.EACCES: f"There is no permission for {where}: give it, or choose another place.",
        errno.ENOENT: f"There is no {where}: check the name.",
        errno.EISDIR: f"{where} is a folder: name a file.",
    }
    return sentences.get(error.errno or 0)


def _database_sentence(error: Exception) -> str | None:
    from sqlalchemy.exc import DBAPIError

    from dashboard.settings import settings
    from data_access.engine import explained, open_engine

    if not isinstance(error, DBAPIError):
        return None
    explanation = explained(error, open_engine(settings().database_url))
    return str(explanation) if isinstance(explanation, OnHandError) else None
