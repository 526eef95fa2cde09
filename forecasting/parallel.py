"""Work on parts side by side: NumPy and LightGBM let go of the interpreter while they compute, so threads are enough."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def threads() -> int:
    """How many threads compute: as many as there are processors, or as `OMP_NUM_THREADS` says."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) > 0 else os.cpu_count() or 1


def side_by_side(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """The results of all parts, in their order, as they come."""
    with ThreadPoolExecutor(threads()) as pool:
        yield from pool.map(work, parts)
