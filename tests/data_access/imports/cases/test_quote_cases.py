"""Quotes in files of orders and products: one that nobody closed, one that is an inch mark, one that is doubled or escaped."""

import time
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.imports.import_run import ImportResult
from data_access.imports.order_import import import_orders
from data_access.imports.table_import import import_table
from data_access.queries.imports import runs
from tests.data_access.import_files import mapping, one, table, write
from tests.data_access.imports.cases.looks import hall, inbox, rows_of, take

REPORT = """
[channel]
id = "fair"
[location]
id = "hall"
[columns]
order = "order-id"
placed = "date"
title = "name"
external_sku = "sku"
quantity = "qty"
price = "price"
[formats]
dates = ["%Y-%m-%d %H:%M"]
[lines]
identity = ["external_sku"]
"""
REPORT = REPORT.replace('id = "fair"', 'id = "fair"\nname = "Fair"\nkind = "marketplace"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"')
PLAIN = REPORT + '[file]\nquoting = "none"\n'
COLUMNS = ("order-id", "date", "name", "sku", "qty", "price")


def row(order: str, name: str, sku: str, qty: object, price: str = "5.00", *, delimiter: str = "\t") -> str:
    return delimiter.join((order, "2026-02-01 10:00", name, sku, str(qty), price))


def file_of(*rows: str, delimiter: str = "\t", ending: str = "\n") -> str:
    return ending.join([delimiter.join(COLUMNS), *rows, ""])


def units(engine: Engine) -> list[tuple[str, str, int]]:
    return [line[:3] for line in rows_of(engine)]


# a title opens a quote, another closes it, with two rows between
OPEN = (row("1", '"Wok, large', "A-1", 1), row("2", "Pot", "B-2", 2), row("3", "Pot", "B-2", 3), row("4", 'Lid 9"', "C-3", 4))
OPEN_UNITS = [("1", "A-1", 1), ("2", "B-2", 2), ("3", "B-2", 3), ("4", "C-3", 4)]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("by", [REPORT, PLAIN], ids=["detect", "none"])
def test_an_open_quote_in_a_title_merges_nothing(company: Engine, tmp_path: Path, by: str, ending: str) -> None:
    assert take(company, tmp_path, file_of(*OPEN, ending=ending), by) == {"imported": 4}
    assert (units(company), inbox(company)) == (OPEN_UNITS, [])
    assert hall(company) == [(100, 1), (100, 5), (100, 4)]


@pytest.mark.parametrize(
    ("first", "last", "asks", "taken"),
    [
        (row('"1', "Wok", "A-1", 1), row("4", "Lid", "C-3", 4), [2], OPEN_UNITS[1:]),
        (row('"1', "Wok", "A-1", 1), row("4", 'Lid 9"', "C-3", 4), [2], OPEN_UNITS[1:]),
        (row("1", "Wok", '"A-1', 1), row("4", "Lid", 'C-3"', 4), [2, 5], OPEN_UNITS[1:3]),
        (row("1", '"Wok', "A-1", 1), row("4", "Lid", 'C-3"', 4), [5], OPEN_UNITS[:3]),
        (row("1", "Wok", "A-1", 1, '"5.00'), row("4", "Lid", "C-3", 4, '5.00"'), [2, 5], OPEN_UNITS[1:3]),
        (row("1", "Wok", "A-1", '"1'), row("4", "Lid", "C-3", 4), [2], OPEN_UNITS[1:]),
        # of what may be the second half of a record nobody knows whose order it is
        (row("1", '"Wok', "A-1", 1), row("", 'Lid 9"', "C-3", 4), [2, 5], OPEN_UNITS[1:3]),
    ],
    ids=["first column", "first column, closed", "sku", "closed in a sku", "last column", "quantity", "no order"],
)
def test_an_open_quote_in_another_column_asks(
    company: Engine, tmp_path: Path, first: str, last: str, asks: list[int], taken: list[tuple[str, str, int]]
) -> None:
    """No order, SKU or quantity is read otherwise than it is written, and the rows between come in."""
    result = take(company, tmp_path, file_of(first, *OPEN[1:3], last), REPORT + '[skus]\nunknown = "create"\n')
    assert result == {"imported": 4 - len(asks), "quarantined": len(asks)}
    assert (units(company), [line for line, _ in inbox(company)]) == (taken, asks)
    assert table(company, "select sku from product order by 1") == [("A-1",), ("B-2",), ("C-3",)]


ENCLOSED = '"{}","2026-02-01 10:00",{},"{}","{}","5.00"'


@pytest.mark.parametrize(
    ("first", "asks"),
    [
        (ENCLOSED.format("1", '"Wok', "A-1", 1), []),
        (ENCLOSED.format("1", 'Wok"', "A-1", 1), []),
        (ENCLOSED.format("1", '"Wok 11" wide"', "A-1", 1), []),
        (ENCLOSED.format("1", '"Wok 11\\" wide"', "A-1", 1), []),
        (ENCLOSED.format("1", '"Wok 11\\", wide"', "A-1", 1), [(2, "unbalanced_quotes")]),
        (ENCLOSED.format("1", '"Wok, wide', "A-1", 1), [(2, "unbalanced_quotes")]),
        (ENCLOSED.format("1", '"Wok"', "A-1", 1)[1:], [(2, "unbalanced_quotes")]),
        (ENCLOSED.format("1", '"Wok"', "A-1", 1).replace('"A-1"', '"A-1'), [(2, "open_quote")]),
        (ENCLOSED.format("1", '"Wok"', "A-1", 1).replace('"A-1"', 'A-1"'), [(2, "unbalanced_quotes")]),
    ],
    ids=["open", "closed", "inch", "backslash", "backslash, delimiter", "delimiter", "order", "sku opens", "sku closes"],
)
def test_where_all_fields_are_enclosed_one_quote_costs_its_own_row_at_most(
    company: Engine, tmp_path: Path, first: str, asks: list[tuple[int, str]]
) -> None:
    others = [ENCLOSED.format("2", '"Pot"', "B-2", 2), ENCLOSED.format("3", '"Lid, 9"""', "C-3", 3)]
    take(company, tmp_path, file_of(first, *others, delimiter=","), REPORT)
    taken = [("1", "A-1", 1), ("2", "B-2", 2), ("3", "C-3", 3)]
    assert (units(company), inbox(company)) == (taken[1:] if asks else taken, asks)


def test_inches_between_enclosing_quotes_are_read_though_they_are_not_doubled(company: Engine, tmp_path: Path) -> None:
    rows = [ENCLOSED.format(number, f'"Wok {number}1" wide"', "A-1", number) for number in range(1, 6)]
    assert take(company, tmp_path, file_of(*rows, delimiter=","), REPORT) == {"imported": 5}
    assert units(company) == [(str(number), "A-1", number) for number in range(1, 6)]


def test_an_open_quote_amid_ten_thousand_rows(tmp_path: Path, company: Engine) -> None:
    """It is looked at in linear time, and only its own row changes at all."""
    rows = [row(str(number), '"Wok' if number == 5_000 else "Wok", "A-1", 1) for number in range(10_000)]
    began = time.process_time()
    assert take(company, tmp_path, file_of(*rows), REPORT) == {"imported": 10_000}
    assert time.process_time() - began < 30
    assert one(company, "select count(distinct order_ref) from sales_order") == 10_000
    assert table(company, "select title from listing where title is not null") == []


def joined(result: ImportResult) -> tuple[int, int]:
    return result.counts.get("joined_records", 0), result.counts.get("joined_lines", 0)


def test_records_that_join_lines_are_counted(company: Engine, tmp_path: Path) -> None:
    rows = [row("1", '"Wok\nlarge"', "A-1", 1), row("2", "Pot", "B-2", 2), row("3", '"Lid\r\n\r\nround"', "C-3", 3)]
    path = tmp_path / "f.tsv"
    path.write_bytes(file_of(*rows).encode())
    first = import_orders(company, path, mapping(tmp_path, REPORT))
    assert (first.rows_read, first.imported, joined(first)) == (3, 3, (2, 5))
    again = import_orders(company, path, mapping(tmp_path, REPORT))
    assert (again.rows_read, again.duplicates, joined(again)) == (3, 3, (2, 5))
    assert joined(import_orders(company, write(tmp_path / "g.tsv", file_of(rows[1])), mapping(tmp_path, REPORT))) == (0, 0)
    names = write(tmp_path / "p.csv", "sku,name", 'D-4,"Sieve\nfine"')
    assert joined(import_table(company, "products", names)) == (1, 2)
    assert runs(company).select("joined_records", "joined_lines").rows()[:4] == [(1, 2), (0, 0), (2, 5), (2, 5)]


INCHES = [
    row("1", 'Wok 11" wide', "A-1", 1),
    row("2", '12" and 13"', "A-1", 1),
    row("3", '"Best" wok', "B-2", 1),
    row("4", '"', "B-2", 1),
    row("5", '11""', "C-3", 1),
    row("6", "Wok", "C-3", 1),
]


@pytest.mark.parametrize("by", [REPORT, PLAIN], ids=["detect", "none"])
def test_inch_marks_are_text(company: Engine, tmp_path: Path, by: str) -> None:
    assert take(company, tmp_path, file_of(*INCHES), by) == {"imported": 6}
    assert units(company) == [(str(place), sku, 1) for place, sku in enumerate(("A-1", "A-1", "B-2", "B-2", "C-3", "C-3"), 1)]


@pytest.mark.parametrize("by", [REPORT, PLAIN], ids=["detect", "none"])
def test_inch_marks_in_skus_stay(company: Engine, tmp_path: Path, by: str) -> None:
    rows = [row("1", "Pipe", 'PIPE-1/2"', 1), row("2", 'Pipe 3/4"', 'PIPE-3/4"', 2), row("3", "Wok", "A-1", 3)]
    assert take(company, tmp_path, file_of(*rows), by + '[skus]\nunknown = "create"\n') == {"imported": 3}
    assert units(company) == [("1", 'PIPE-1/2"', 1), ("2", 'PIPE-3/4"', 2), ("3", "A-1", 3)]


def test_inch_marks_where_quotes_are_said_to_be_standard_ask(company: Engine, tmp_path: Path) -> None:
    result = take(company, tmp_path, file_of(*INCHES), REPORT + '[file]\nquoting = "standard"\n')
    assert result == {"imported": 3, "quarantined": 3}
    assert inbox(company) == [(2, "unbalanced_quotes"), (4, "unbalanced_quotes"), (5, "unbalanced_quotes")]
    assert [line[0] for line in rows_of(company)] == ["2", "5", "6"]


def test_products_with_open_quotes(company: Engine, tmp_path: Path) -> None:
    """Names may hold them; a SKU that begins with one asks."""
    rows = ['P-1\t"Wok, large\tpans', "P-2\tPot\tpans", 'P-3\tLid 9"\tlids', '"P-4\tSieve\ttools', "P-5\tLadle\ttools"]
    path = write(tmp_path / "p.tsv", "sku\tname\tcategory", *rows)
    by = mapping(tmp_path, '[file]\ndelimiter = "\\t"\n', "products")
    result = import_table(company, "products", path, by)
    assert (result.rows_read, result.imported, result.quarantined) == (5, 4, 1)
    assert table(company, "select sku, name from product where sku like '%P%' order by 1") == [
        ("P-1", '"Wok, large'),
        ("P-2", "Pot"),
        ("P-3", 'Lid 9"'),
        ("P-5", "Ladle"),
    ]
    assert inbox(company) == [(5, "open_quote")]
