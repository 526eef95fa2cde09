"""When the demo hears of what happened on its channels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_access.demo.specs import CHANNELS
from data_access.demo.waiting import HEARD_AFTER_US, known_until, received_later


@given(st.integers(0, len(CHANNELS) - 1), st.integers(1_700_000_000_000_000, 1_800_000_000_000_000), st.integers(0, 10**10))
def test_what_a_history_knows_was_heard_of_by_its_end(channel: int, until: int, before: int) -> None:
    channels = np.array([channel])
    occurred_at = known_until(channels, until) - before
    assert received_later(channels, occurred_at)[0] <= until + HEARD_AFTER_US
    assert received_later(channels, occurred_at)[0] > occurred_at[0]
