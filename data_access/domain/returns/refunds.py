"""Money given back for a return line that came in in parts."""

from collections.abc import Sequence
from itertools import accumulate, pairwise


def shared_out(amount: int, units: Sequence[int]) -> list[int]:
    """An amount spread over parts by their units (each above 0), to the last 1/10,000: the shares add up to it, if there are any."""
    total = max(sum(units), 1)
    until = [amount * so_far // total for so_far in accumulate(units, initial=0)]
    return [end - start for start, end in pairwise(until)]
