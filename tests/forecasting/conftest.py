"""Learning on one thread: two test processes that each take all of a small machine wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
