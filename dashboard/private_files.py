"""What the app keeps is its owner's alone: folders 0700, files 0600."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from dashboard.settings import Settings
from data_access.store_address import sqlite_file

OTHERS: Final = 0o077  # what the group and all others might do
SQLITE_SUFFIXES: Final = ("", "-wal", "-shm")


def make_private(settings: Settings) -> None:
    """Take from all others what they may do with the files of `var` and with SQLite's, made before or by something else.

    Links, what another user owns, and a `var` that holds the project, the home or the working folder are left alone.
    """
    for path in _kept(settings):
        with suppress(FileNotFoundError):  # a file that is replaced just now is private already
            status = path.lstat()
            if status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode) and status.st_mode & OTHERS:
                path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)


def _kept(settings: Settings) -> Iterator[Path]:
    store = sqlite_file(settings.database_url)
    if store is not None:
        yield from (store.with_name(store.name + suffix) for suffix in SQLITE_SUFFIXES)
    var = settings.var_dir.resolve()
    if any(place.is_relative_to(var) for place in (Path(__file__).resolve(), Path.home(), Path.cwd())):
        return
    yield var
    for folder, folders, files in os.walk(var):
        yield from (Path(folder, name) for name in (*folders, *files))
