"""Which store is served, and what is done with it before: making a demo, catching up on missed days, upgrading."""

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from dashboard.settings import Settings
from data_access.engine import now_us, open_engine, writing
from data_access.errors import InvalidInput
from data_access.store.lifecycle import StoreInfo, check_store, create_store, migrate, require_current
from data_access.store.replacing import remove_store, replace_store
from data_access.store_address import shown, sqlite_file

DAYS_CAUGHT_UP: Final = 14
DEMO_SEED: Final = 7
OWN_URL: Final = "sqlite:///var/own.db"

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


def make_demo(settings: Settings, size: str, seed: int, as_of: date, replace: bool, progress: Progress | None = None) -> str:
    """Make the demo company's store at the address that is set. Returns a sentence that says what was made.

    On SQLite it is built beside its place and moved there when whole, so that a stop half way leaves what was there.

    Raises:
        InvalidInput: there is a store already, and it may not be replaced.

    """
    url, truth_dir = settings.database_url, settings.var_dir / "truth"
    engine = open_engine(url)
    try:
        _may_be_make_store(engine, replace)
        path = sqlite_file(url)
        if path is None:
            _drop_tables(engine)
    finally:
        engine.dispose()
    from data_access.demo import build_demo

    if path is None:
        return str(build_demo(url, size, seed, as_of, truth_dir, progress))
    making = path.with_name(f"{path.name}.making")
    remove_store(making)
    summary = build_demo(f"sqlite:///{making}", size, seed, as_of, truth_dir, progress)
    replace_store(path, making)
    return str(summary)


def _may_be_make_store(engine: Engine, replace: bool) -> None:
    info = check_store(engine)
    where = shown(engine.url)
    if info.revision_state == "empty":
        return
    if info.kind != "demo":
        raise InvalidInput(f"{where} holds a store that is not a demo and is never replaced: set ONHAND_DATABASE_URL to another place.")
    if not replace:
        raise InvalidInput(f"{where} holds a demo store already: run `onhand demo --replace` to make it again (its events are lost).")


def _drop_tables(engine: Engine) -> None:
    with writing(engine) as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        tables.drop_all(connection)


def prepare(settings: Settings, demo: bool, size: str, today: date, say: Say, progress: Progress | None = None) -> tuple[str, bool]:
    """Make the store ready to be served: its address, and whether the demo company's live events belong to it.

    An empty place becomes a demo (`demo`) or an empty store of the user's own. A demo is brought up to now, or, from an older
    release, copied and upgraded.

    Raises:
        StoreOutOfDate: the store is newer than this code, or is older and not a demo.

    """
    url = settings.database_url
    info = _checked(url)
    if not demo and info.kind == "demo" and url == Settings.model_fields["database_url"].default:
        say(f"{shown(url)} holds the demo company, so your own store is {OWN_URL}: set ONHAND_DATABASE_URL={OWN_URL} for imports too.")
        url = OWN_URL
        info = _checked(url)
    if info.revision_state == "empty":
        return url, _make_store(settings.model_copy(update={"database_url": url}), demo, size, today, say, progress)
    engine = open_engine(url)
    try:
        if info.kind == "demo" and info.revision_state == "older":
            _upgrade_demo(engine, url, str(info.revision), say)
        require_current(engine)
        if info.kind != "demo":
            if demo:
                say(f"{shown(url)} is a store of your own: it is served as it is, without demo events.")
            return url, False
        if not demo:
            say(f"{shown(url)} holds the demo company: it is served without live events.")
            return url, False
        _catch_up(engine, say, progress)
    finally:
        engine.dispose()
    return url, True


def _checked(url: str) -> StoreInfo:
    engine = open_engine(url)
    try:
        return check_store(engine)
    finally:
        engine.dispose()


def _make_store(settings: Settings, demo: bool, size: str, today: date, say: Say, progress: Progress | None) -> bool:
    if demo:
        say(f"Making the demo company ({size}) in {shown(settings.database_url)} ...")
        say(make_demo(settings, size, DEMO_SEED, today, False, progress))
        return True
    engine = open_engine(settings.database_url)
    try:
        create_store(engine)
    finally:
        engine.dispose()
    say(f"Made an empty store in {shown(settings.database_url)}.")
    return False


def _upgrade_demo(engine: Engine, url: str, revision: str, say: Say) -> None:
    path = sqlite_file(url)
    if path is None:
        return  # a server's database is its owner's to back up: `require_current` refuses it
    copy = _unused(path.with_name(f"{path.name}.bak-{revision}"))
    making = copy.with_name(f"{copy.name}.making")
    source, target = sqlite3.connect(path), sqlite3.connect(making)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    making.rename(copy)
    say(f"The demo store is of an older release: copied to {copy}, now upgraded.")
    migrate(engine)


def _unused(path: Path) -> Path:
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _catch_up(engine: Engine, say: Say, progress: Progress | None) -> None:
    from data_access.demo import catch_up, days_missed

    now = now_us()
    days = days_missed(engine, now)
    if days > DAYS_CAUGHT_UP:
        say(f"The demo company stood still for {days} days, too long to make up for: run `onhand demo --replace` for a fresh one.")
    elif days > 0:
        say(f"The demo company missed {days} day{'s' if days > 1 else ''}: simulating ...")
        catch_up(engine, now, progress)
