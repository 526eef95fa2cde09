"""Parts side by side."""

import threading
import time

import pytest

from forecasting.parallel import side_by_side, threads


def test_results_come_in_the_order_of_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    both = threading.Barrier(2, timeout=20)

    def work(part: int) -> int:
        both.wait()  # passes only where two work at once
        time.sleep(0.02 * (part == 0))
        return part * part

    assert list(side_by_side(work, range(4))) == [0, 1, 4, 9]


def test_an_error_of_a_part_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda part: 1 // part, [1, 0]))


def test_threads_are_as_many_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    for none in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", none)
        assert threads() >= 1
