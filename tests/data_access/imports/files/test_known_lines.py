"""Rows of known orders find their lines, however the file was read; what cannot be told apart is in doubt."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.imports.files.known_lines import LINES, MATCHES, ROWS, matched

Row = tuple[str, str, int, int | None]  # line_ref, sku, quantity, unit_price


def match(rows: list[Row], lines: list[tuple[str, str, int, int | None, bool]], *, named: bool = False) -> list[int | str | None]:
    """The line ids (1, 2, ... in order) that the rows find; "?" where in doubt, None for new lines."""
    matches = matched(
        pl.DataFrame([(place, 7, *row, "open") for place, row in enumerate(rows)], ROWS, orient="row"),
        pl.DataFrame([(place, 7, *line[:-1], "open", line[-1]) for place, line in enumerate(lines, 1)], LINES, orient="row"),
        rows_are_named=named,
    )
    assert matches.schema == MATCHES
    assert matches["position"].to_list() == list(range(len(rows)))
    return ["?" if doubtful else line for _, line, doubtful in matches.iter_rows()]


def test_an_equal_line_id_wins_over_all_else() -> None:
    assert match([("a", "A", 1, 10), ("b", "B", 1, 10)], [("b", "A", 1, 10, True), ("a", "B", 5, 3, True)], named=True) == [2, 1]


def test_another_mapping_names_lines_otherwise() -> None:
    lines = [("17.1", "A", 2, 10, False), ("18.1", "B", 3, 20, False)]
    assert match([("90001", "A", 2, 10), ("90002", "B", 3, 20)], lines, named=True) == [1, 2]
    assert match([("91.1", "A", 2, None), ("92.1", "B", 1, 20)], lines) == [1, 2]  # without a price; with fewer units


def test_lines_of_one_sku_are_told_apart_by_their_content() -> None:
    lines = [("17.1", "A", 1, 10, False), ("18.1", "A", 3, 10, False)]
    assert match([("x", "A", 3, 10), ("y", "A", 1, 10)], lines) == [2, 1]
    assert match([("x", "A", 3, 10), ("y", "A", 2, 10)], lines) == [2, 1]  # the other, changed
    assert match([("x", "A", 2, 10)], lines) == ["?"]
    assert match([("x", "A", 2, 10), ("y", "A", 5, 10)], lines) == ["?", "?"]


def test_equal_lines_are_matched_one_by_one_and_a_further_row_is_new() -> None:
    lines = [("17.1", "A", 1, 10, False), ("17.2", "A", 1, 10, False)]
    assert match([("x", "A", 1, 10), ("y", "A", 1, 10), ("z", "A", 1, 10)], lines) == [1, 2, None]


def test_two_ids_of_one_source_are_two_lines() -> None:
    assert match([("2", "A", 1, 10)], [("1", "A", 1, 10, True)], named=True) == [None]
    assert match([("2", "A", 1, 10)], [("1", "A", 1, 10, False)], named=True) == [1]
    assert match([("2.1", "A", 1, 10)], [("1", "A", 1, 10, True)], named=False) == [1]


def test_another_sku_is_another_line() -> None:
    assert match([("x", "B", 1, 10)], [("17.1", "A", 1, 10, False)]) == [None]


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 3), st.sampled_from([None, 10, 20])), max_size=6),
    st.randoms(use_true_random=False),
    st.sampled_from(["price", "nothing"]),
)
@pytest.mark.filterwarnings("error")
def test_the_same_lines_read_in_another_way_and_order_are_no_new_lines(
    contents: list[tuple[str, int, int | None]], chance: object, lost: str
) -> None:
    lines = [(f"{place}.1", *content, False) for place, content in enumerate(contents)]
    rows = [(f"r{place}", sku, units, None if lost == "price" else price) for place, (sku, units, price) in enumerate(contents)]
    chance.shuffle(rows)  # type: ignore[attr-defined]
    lines_found = match(rows, lines)
    assert sorted(one for one in lines_found if isinstance(one, int)) == list(range(1, len(lines) + 1))
    assert all(lines[one - 1][1:3] == row[1:3] for one, row in zip(lines_found, rows, strict=True) if isinstance(one, int))
