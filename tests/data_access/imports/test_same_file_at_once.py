"""Two people import one file at once, or a file is still being written: one clear sentence, nothing doubled, nothing lost."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.engine import open_engine
from data_access.errors import Conflict, InvalidInput
from data_access.imports.order_import import ImportResult, import_orders
from tests.data_access.import_files import HEADER, contents, figures, mapping, one, row, sound, table, write

ROWS = [row(str(number // 2), str(number % 2), f"S{number % 5}", 1 + number % 3) for number in range(1_200)]
SENTENCE = "Another process is importing the same file with the same mapping: let it finish."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "orders.csv", HEADER, *ROWS)


def whole(store: Engine) -> tuple[int, int, int]:
    """Orders, lines and units."""
    (known,) = table(store, "select count(distinct order_id), count(*), sum(quantity) from order_line")
    return known


EXPECTED = (600, 1_200, 2_400)


def test_one_that_begins_while_another_goes_on_takes_over(store: Engine, file: Path, tmp_path: Path) -> None:
    """It goes on where the first is, and the first stops with a sentence."""
    finished: list[ImportResult] = []

    def another(done: int, rows: int) -> None:
        if not finished and done < rows:
            finished.append(import_orders(store, file, mapping(tmp_path)))

    with pytest.raises(Conflict) as refusal:
        import_orders(store, file, mapping(tmp_path), progress=another)
    assert (str(refusal.value), whole(store)) == (SENTENCE, EXPECTED)
    assert (figures(finished[0]), finished[0].resumed_at > 0) == ((1_200, 1_200, 0, 0, 0), True)
    assert table(store, "select status, rows_read from import_run") == [("complete", 1_200)]
    assert figures(import_orders(store, file, mapping(tmp_path))) == (1_200, 0, 0, 1_200, 0)
    sound(store)


def test_of_two_that_begin_at_once_one_comes_in(store: Engine, file: Path, tmp_path: Path) -> None:
    path, start = mapping(tmp_path), threading.Barrier(2)

    def attempt(_: int) -> ImportResult | str:
        engine = open_engine(store.url.render_as_string(hide_password=False))
        try:
            start.wait()
            return import_orders(engine, file, path)
        except Conflict as refusal:
            return str(refusal)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(2) as pool:
        became = list(pool.map(attempt, range(2)))
    results = [one for one in became if isinstance(one, ImportResult)]
    assert sum(result.imported == 1_200 for result in results) == 1
    others = [one for one in became if isinstance(one, str)] + [figures(result) for result in results if result.imported != 1_200]
    assert others in ([SENTENCE], [(1_200, 0, 0, 1_200, 0)])  # it may begin when the other has ended
    assert whole(store) == EXPECTED
    sound(store)


def test_a_file_that_is_still_written_is_not_used(sqlite_store: Engine, file: Path, tmp_path: Path, sqlite_template: Path) -> None:
    ended = threading.Event()

    def grow() -> None:
        number = 10_000
        with file.open("a") as more:
            while not ended.is_set():
                number += 1
                more.write(row(str(number), "a", "S1") + "\n")
                more.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(InvalidInput) as refusal:
            import_orders(sqlite_store, file, mapping(tmp_path))
    finally:
        ended.set()
        writer.join()
    assert str(refusal.value) == f"The file {file} was changed while it was read, and nothing of it was used: import it once it is whole."
    assert one(sqlite_store, "select count(*) from import_run") == 0
    write(file, HEADER, *ROWS)
    assert figures(import_orders(sqlite_store, file, mapping(tmp_path))) == (1_200, 1_200, 0, 0, 0)
    shutil.copyfile(sqlite_template, tmp_path / "quiet.db")
    quiet = open_engine(f"sqlite:///{tmp_path / 'quiet.db'}")
    import_orders(quiet, file, mapping(tmp_path))
    assert contents(sqlite_store) == contents(quiet)
    quiet.dispose()
