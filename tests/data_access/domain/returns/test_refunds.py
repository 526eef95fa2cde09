"""Refunds spread over parts."""

from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.refunds import shared_out


def test_by_hand() -> None:
    assert shared_out(100_000, [2, 1]) == [66_666, 33_334]
    assert shared_out(5, [1, 1, 1]) == [1, 2, 2]
    assert shared_out(0, [3]) == [0]
    assert shared_out(7, []) == []


@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**6), min_size=1, max_size=6))
def test_shares_add_up_and_none_is_off_by_one(amount: int, units: list[int]) -> None:
    shares = shared_out(amount, units)
    assert sum(shares) == amount
    assert all(abs(share * sum(units) - amount * part) < sum(units) for share, part in zip(shares, units, strict=True))
