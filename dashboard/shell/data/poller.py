"""The live figures of this process: one poller watches the store for all sessions, and patches what changed.

Sessions read an immutable `Snapshot` that is swapped whole. If the database goes away, the last good one stays, `health` says so,
and the poller goes on asking until it is back.
"""

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, TypeVar

import polars as pl
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from data_access.domain.buffers import Withheld
from data_access.engine import now_us, reading, start_over
from data_access.errors import OnHandError, StoreOutOfDate, StoreUnavailable
from data_access.queries import buffers, freshness, overview, stock
from data_access.queries.live_stock import Live, LiveCatalogue, figured, load, load_catalogue, load_withheld, patched
from data_access.queries.recent import DEMAND, Recent, recent
from data_access.store.change_log import trim_change_log
from data_access.store.lifecycle import StoreInfo, check_store, require_current
from data_access.store.versions import changed, versions
from data_access.store_address import sqlite_file
from data_access.store_file import StoreIdentity, store_of

POLL_SECONDS: Final = 0.2  # a look that finds nothing takes half a millisecond
RECENT_SECONDS: Final = 300.0  # the means of the last weeks move slowly; they are read again at most this often
PATCH_SKUS: Final = 1_000  # more changed SKUs than this are read with all others
FIRST_LOAD_SECONDS: Final = 30.0
FIRST_RECENT_SECONDS: Final = 3.0
SMALL_LEVELS: Final = 50_000  # up to this many levels, the first view waits for the last weeks; above, they come when they are read
_T = TypeVar("_T")
_DAY: Final = 86_400_000_000
_LOST: Final = (OnHandError, SQLAlchemyError, OSError)
_tokens = itertools.count(1)  # one sequence for all stores that this process serves, so that no two snapshots share a cache key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What sessions read. `token` changes with every change of `catalogue`, `live` or `recent`; `problem` says why `live` is missing.

    `store_number`: of the stores that were at the address, one after the other; versions of two of them must not be compared.
    """

    token: int = 0
    store_number: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    store: StoreInfo | None = None
    problem: str = ""
    catalogue: LiveCatalogue | None = None
    withheld: Withheld = field(default_factory=Withheld)
    reservations: pl.DataFrame = field(default_factory=buffers.RESERVATION_ROWS.to_frame)
    live: Live | None = None
    recent: Recent | None = None
    synced: pl.DataFrame = field(default_factory=freshness.SYNCED.to_frame)
    waiting: pl.DataFrame = field(default_factory=overview.WAITING.to_frame)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the database answers. `sentence` is empty when it does; `since`: when it last did."""

    is_ok: bool
    since: datetime | None
    sentence: str


class LiveStock:
    """The poller of one store. Start it once a process; `snapshot` and `health` may be read from any thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.snapshot = Snapshot()
        self.health = Health(True, None, "")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loaded = threading.Event()
        self._has_recent = threading.Event()
        self._wants_recent = threading.Event()
        self._identity: StoreIdentity | None = None
        self._store_number = 0
        self._starts_anew = True
        self._threads = [
            threading.Thread(target=self._poll_forever, name="onhand-live", daemon=True),
            threading.Thread(target=self._recent_forever, name="onhand-recent", daemon=True),
        ]

    def start(self) -> None:
        """Start polling."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the poller and let go of the database."""
        self._stopping.set()
        self._wants_recent.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self.engine.dispose()

    def ready(self) -> Snapshot:
        """The snapshot, once the first load has succeeded or failed; of a small store, with the last weeks."""
        self._loaded.wait(FIRST_LOAD_SECONDS)
        live = self.snapshot.live
        if live is not None and live.levels.height <= SMALL_LEVELS and not self._has_recent.is_set():
            self._has_recent.wait(FIRST_RECENT_SECONDS)
            self._has_recent.set()  # nobody waits for it twice
        return self.snapshot

    def ask(self, question: Callable[[Connection], _T]) -> _T:
        """The database's answer to a question of a session.

        Raises:
            StoreUnavailable: it is away; while it is known to be, it is not asked.

        """
        if not self.health.is_ok:
            raise StoreUnavailable(self.health.sentence)
        try:
            with reading(self.engine) as connection:
                return question(connection)
        except _LOST as error:
            self._lost(error)
            raise StoreUnavailable(self.health.sentence) from error

    # ---- polling ---------------------------------------------------------------------------------------------------

    def _poll_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                self.poll()
            except _LOST as error:
                self._lost(error)
            self._loaded.set()
            self._stopping.wait(POLL_SECONDS)

    def poll(self) -> None:
        """Look once at what changed, and publish it.

        Raises:
            StoreUnavailable: the database cannot be reached or read.

        """
        self._look_at_file()
        before = Snapshot() if self._starts_anew else self.snapshot
        if before.live is None and not self._usable():
            return
        with reading(self.engine) as connection:
            is_another = self._is_another(store_of(connection))
            seen = before.versions if is_another else versions(connection)
            if not is_another and (seen != before.versions or _is_outdated(before, now_us())):
                self._take_in(before, seen, connection)
        if is_another:
            self.poll()
            return
        self._starts_anew = False
        self.health = Health(True, datetime.now(UTC), "")

    def _look_at_file(self) -> None:
        """Notice that an SQLite store's file is gone: opening it would make an empty one."""
        path = sqlite_file(self.engine.url)
        if path is not None and not path.exists():
            raise StoreUnavailable(f"There is no file {path}: run `onhand migrate` for an empty store, or `onhand demo` for a demo.")

    def _is_another(self, identity: StoreIdentity | None) -> bool:
        """Notice that the store was replaced by another. Sessions see that one from now on, so commands may write to it."""
        before, self._identity = self._identity, identity
        if before is None or identity is None or not identity.is_other(before):
            return False
        start_over(self.engine)
        self._starts_anew, self._store_number = True, self._store_number + 1
        return True

    def _usable(self) -> bool:
        info = check_store(self.engine)
        try:
            require_current(self.engine)
        except StoreOutOfDate as problem:
            number = self._store_number
            self.publish(store=info, store_number=number, problem=str(problem), versions={}, catalogue=None, live=None, recent=None)
            self.health = Health(True, datetime.now(UTC), "")
            return False
        self.publish(store=info, problem="")
        return True

    def _take_in(self, before: Snapshot, seen: dict[str, int], connection: Connection) -> None:
        moved = {topic for topic, version in seen.items() if version != before.versions.get(topic)}
        restarted = any(version < before.versions.get(topic, 0) for topic, version in seen.items())
        fresh: dict[str, object] = {"versions": seen, "store_number": self._store_number}
        if self._starts_anew:
            fresh["recent"] = None  # of another store
        catalogue, live, withheld, now = before.catalogue, before.live, before.withheld, now_us()
        demand = DEMAND.to_frame() if before.recent is None else before.recent.demand
        if live is None or restarted or "buffers" in moved:
            withheld = load_withheld(connection)
            fresh |= {"withheld": withheld, "reservations": buffers.reservation_rows(connection)}
        if catalogue is None or restarted or moved & {"catalog", "channels"}:
            catalogue, live = load_catalogue(connection), None
        if live is None:
            live = load(connection, catalogue, withheld, demand, now)
        else:
            if "stock" in moved:
                skus = changed(connection, "stock", "sku", before.versions["stock"])
                is_whole = skus is None or len(skus) > PATCH_SKUS
                live = load(connection, catalogue, withheld, demand, now) if is_whole else patched(live, connection, skus or ())
            if "buffers" in moved or _is_outdated(before, now):
                live = figured(catalogue, live.levels, live.backorders, live.allocated, withheld, demand, now)
        if live is not before.live:
            fresh |= {"catalogue": catalogue, "live": live}
        if moved & {"freshness", "channels", "inbox"}:
            fresh["synced"] = freshness.synced(connection)
        if moved & {"inbox", "catalog"}:
            fresh["waiting"] = overview.waiting(self.engine)
        self.publish(**fresh)
        if catalogue is not before.catalogue or moved & {"orders", "stock"}:
            self._wants_recent.set()

    def publish(self, **fresh: object) -> None:
        """Swap in a snapshot with these parts."""
        with self._lock:
            token = next(_tokens) if {"live", "recent", "catalogue"} & fresh.keys() else self.snapshot.token
            self.snapshot = replace(self.snapshot, token=token, **fresh)  # type: ignore[arg-type]

    def _lost(self, error: Exception) -> None:
        unknown = f"The store cannot be read ({error.__class__.__name__}): check that the database runs and is whole."
        self.health = Health(False, self.health.since, str(error) if isinstance(error, OnHandError) else unknown)

    # ---- the last weeks ----------------------------------------------------------------------------------------------

    def _recent_forever(self) -> None:
        read_at, read_for, of_day = 0, None, -1
        while not self._stopping.is_set():
            self._wants_recent.wait(60)
            now, catalogue = now_us(), self.snapshot.catalogue
            is_due = now - read_at >= RECENT_SECONDS * 1_000_000
            if catalogue is None or (catalogue is read_for and not is_due and of_day == now // _DAY):
                self._stopping.wait(1)
                continue
            self._wants_recent.clear()
            try:
                self.publish(recent=self.read_recent(catalogue, now))
            except _LOST as error:
                self._lost(error)
                self._wants_recent.set()
                self._stopping.wait(1)
                continue
            if of_day != now // _DAY:
                self._tidy()
            read_at, read_for, of_day = now, catalogue, now // _DAY
            self._has_recent.set()

    def _tidy(self) -> None:
        """Once a day, drop what the change log need not keep; a store that cannot be written now is tidied another day."""
        with suppress(*_LOST):
            trim_change_log(self.engine)

    def read_recent(self, catalogue: LiveCatalogue, now: int) -> Recent:
        with reading(self.engine) as connection:
            return recent(
                connection,
                stock.levels(connection),
                stock.backorders(connection),
                catalogue.kits,
                catalogue.channels,
                catalogue.channel_locations,
                now,
            )


def _is_outdated(snapshot: Snapshot, now: int) -> bool:
    """Whether a rule has ended since, or the mean demand that rules in days rest on was read again."""
    live, latest = snapshot.live, snapshot.recent
    if live is None:
        return False
    if live.withheld_until is not None and live.withheld_until <= now:
        return True
    return latest is not None and live.demand is not latest.demand and bool((live.withheld.rules["basis"] == "days").any())
