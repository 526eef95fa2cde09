"""Files that tell known orders again in another way, saved by a spreadsheet or split or with line ids: the store ends as after one."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.inbox import mend, retry
from data_access.events.ingest import ingest
from data_access.events.kinds.orders.sale import Sale, SaleLine
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.table_import import import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, table, write
from tests.data_access.imports.cases.conftest import SKUS, Stores
from tests.data_access.imports.cases.looks import facts, hall, inbox, rows_of, take

TILL: Final = """
[channel]
id = "web"
name = "Web"
kind = "webstore"
currency = "EUR"
time_zone = "Europe/Berlin"
[location]
id = "hall"
[columns]
order = "order"
placed = "date"
external_sku = "sku"
quantity = "qty"
price = { columns = ["price"], optional = ["price"] }
status = "state"
[formats]
dates = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"]
[status]
open = ["placed"]
sent = ["shipped"]
gone = ["cancelled"]
"""
WITH_IDS: Final = TILL.replace("[columns]", '[columns]\nline = "line"')
COMMAS: Final = TILL.replace("[formats]", '[formats]\ndecimal = ","')
HEADER: Final = "order,date,sku,qty,price,state"
CLEAN: Final = f"""{HEADER}
0042,2026-11-03 10:00:37,A-1,2,5.50,open
0042,2026-11-03 10:00:37,B-2,1,2.00,gone
43,2026-11-16 11:00:59,B-2,3,2.00,sent
"""
LINES: Final = [("0042", "A-1", 2, 0, 0, 0), ("0042", "B-2", 1, 0, 1, 0), ("43", "B-2", 3, 3, 0, 0)]


def saved(columns: str, *rows: str, delimiter: str = ",") -> str:
    return "\n".join([columns.replace(",", delimiter), *rows])


IN_MINUTES: Final = (
    "0042,03.11.2026 10:00,A-1,2,5.50,open",
    "0042,03.11.2026 10:00,B-2,1,2.00,gone",
    "43,16.11.2026 11:00,B-2,3,2.00,sent",
)
SAVED: Final = {
    "no seconds": (saved(HEADER, *IN_MINUTES), TILL),
    "semicolons": (
        saved(
            "\ufeffsku,state,order,qty,date,price",
            "A-1;open;0042;2;03.11.2026 10:00;5,5",
            "B-2;gone;0042;1;03.11.2026 10:00;2",
            "B-2;sent;43;3;16.11.2026 11:00;2",
            delimiter=";",
        ),
        COMMAS,
    ),
    "months first": (
        saved(HEADER, *(row.replace("03.11.", "11/3/").replace("16.11.", "11/16/") for row in IN_MINUTES)),
        TILL.replace("%d.%m.%Y", "%m/%d/%Y"),
    ),
    "days alone": (
        saved(HEADER, *(row.replace("03.11.2026 10:00", "2026-11-03").replace("16.11.2026 11:00", "2026-11-16") for row in IN_MINUTES)),
        TILL.replace("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"),
    ),
    "no prices": (
        saved(
            "order,date,sku,qty,state",
            "43,2026-11-16 11:00:59,B-2,3,sent",
            "0042,2026-11-03 10:00:37,B-2,1,gone",
            "0042,2026-11-03 10:00:37,A-1,2,open",
        ),
        TILL,
    ),
    "line ids": (saved(f"line,{HEADER}", *(f"{number},{row}" for number, row in enumerate(CLEAN.splitlines()[1:], 7))), WITH_IDS),
    "decimals": (saved(HEADER, *(re.sub(r",(\d),(\d)\.\d+,", r",\1.00,\2,", row).replace(",5,", ",5.5,") for row in IN_MINUTES)), TILL),
}


@pytest.mark.parametrize("way", SAVED)
def test_a_file_that_was_saved_otherwise_brings_no_line(company: Engine, tmp_path: Path, way: str) -> None:
    assert take(company, tmp_path, CLEAN, TILL) == {"imported": 3}
    before = facts(company)
    text, by = SAVED[way]
    assert take(company, tmp_path, text, by) == {"duplicates": 3}
    assert facts(company) == before == (LINES, before[1])


@pytest.mark.parametrize("unknown", ["quarantine", "create"])
@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("42,03.11.2026 10:00,A-1,2,5.50,open", "respelled_id"),
        ("42.0,03.11.2026 10:00,A-1,2,5.50,open", "respelled_id"),
        ("043,16.11.2026 11:00,B-2,3,2.00,sent", "respelled_id"),
        ("4.2E+11,03.11.2026 10:00,A-1,2,5.50,open", "shortened_id"),
        ("0042,03.11.2026 10:00,1.23E+12,2,5.50,open", "shortened_id"),
    ],
)
def test_an_order_whose_number_a_spreadsheet_rewrote_is_a_question(
    company: Engine, tmp_path: Path, row: str, code: str, unknown: str
) -> None:
    by = f'{TILL}[skus]\nunknown = "{unknown}"\n'
    take(company, tmp_path, CLEAN, by)
    before = facts(company)
    assert take(company, tmp_path, f"{HEADER}\n{row}\n", by) == {"quarantined": 1}
    assert (facts(company), inbox(company)) == (before, [(2, code)])
    item, version = table(company, "select id, version from inbox_item")[0]
    assert (retry(company, [item], COMMAND_LINE).taken, facts(company)) == (0, before)
    mend(company, item, CLEAN.splitlines()[1], version, COMMAND_LINE)
    assert (retry(company, [item], COMMAND_LINE).taken, facts(company)) == (1, before)


def test_numbers_that_differ_in_their_zeros_are_two_orders_if_their_times_do(company: Engine, tmp_path: Path) -> None:
    take(company, tmp_path, CLEAN, TILL)
    assert take(company, tmp_path, f"{HEADER}\n42,13.11.2026 10:00,A-1,2,5.50,open\n", TILL) == {"imported": 1}


def test_a_code_whose_zeros_a_spreadsheet_dropped_is_no_other_product(company: Engine, tmp_path: Path) -> None:
    by = TILL + '[skus]\nunknown = "create"\n'
    take(company, tmp_path, f"{HEADER}\n1,2026-11-03 10:00:37,00123,2,5.50,open\n", by)
    for code in ("123", "123.0"):
        take(company, tmp_path, f"{HEADER}\n1,03.11.2026 10:00,{code},2,5.50,open\n", by)
    assert table(company, "select sku from product where sku like '%123%'") == [("00123",)]
    assert (rows_of(company), [code for _, code in inbox(company)]) == ([("1", "00123", 2, 0, 0, 0)], ["respelled_id"] * 2)
    result = import_table(company, "products", write(tmp_path / "p.csv", "sku,name", "123,00123", "124,Other", "0124,Another"))
    assert (result.imported, result.quarantined) == (2, 1)
    # a product of its own is one
    import_table(company, "products", write(tmp_path / "p.csv", "sku,name", "123,A thing of its own"))
    assert take(company, tmp_path, f"{HEADER}\n9,2026-11-03 10:00:37,123,2,5.50,open\n", by) == {"imported": 1}


def test_line_ids_that_a_spreadsheet_rewrote_are_the_same_lines(company: Engine, tmp_path: Path) -> None:
    rows = ["0801,1,2026-11-03 10:00:37,A-1,1,2.00,open", "0802,1,2026-11-03 10:00:37,A-1,1,2.00,open"]
    assert take(company, tmp_path, "\n".join([f"line,{HEADER}", *rows]), WITH_IDS) == {"imported": 2}
    rows = ["802.0,1,03.11.2026 10:00,A-1,1,2.00,sent", "801,1,03.11.2026 10:00,A-1,1,2.00,open"]
    assert take(company, tmp_path, "\n".join([f"line,{HEADER}", *rows]), WITH_IDS) == {"updated": 1, "duplicates": 1}
    assert table(company, "select line_ref, shipped_quantity from order_line order by 1") == [("0801", 0), ("0802", 1)]


# ---- two states of one order ----------------------------------------------------------------------------------------------------------


def state(units: int, word: str, price: str = "", *, sku: str = "A-1", at: str = "10:00:00") -> str:
    return f"118,2026-11-16 {at},{sku},{units},{price},{word}\n"


STATES: Final = {
    "priced when sent": ([state(2, "open"), state(2, "sent", "9.00")], [(2, 2, 0)], (98, 0), 0),
    "told twice each": ([state(2, "open"), state(2, "open"), state(2, "sent", "9.00"), state(2, "sent", "9.00")], [(2, 2, 0)], (98, 0), 0),
    "cancelled": ([state(2, "open"), state(2, "gone", "9.00")], [(2, 0, 2)], (100, 0), 0),
    "cancelled, then sent": ([state(2, "open"), state(2, "gone"), state(2, "sent", "9.00")], [(2, 0, 2)], (100, 0), 1),
    "another second": ([state(2, "open"), state(2, "sent", "9.00", at="10:03:12")], [(2, 2, 0)], (98, 0), 0),
    "fewer": ([state(2, "open"), state(1, "sent", "9.00")], [(2, 1, 1)], (99, 0), 0),
    "more": ([state(2, "open"), state(3, "sent", "9.00")], [(2, 0, 0)], (100, 2), 1),
    "the older again": ([state(2, "sent", "9.00"), state(2, "open")], [(2, 2, 0)], (98, 0), 0),
    "two equal lines": ([state(1, "open") * 2, state(1, "sent", "9.00") + state(1, "open", "8.00")], [(1, 0, 0), (1, 1, 0)], (99, 1), 0),
    "in two rows": ([state(2, "open"), state(1, "sent", "9.00") + state(1, "open", "9.00")], [(2, 0, 0)], (100, 2), 2),
}


@pytest.mark.parametrize("case", STATES)
def test_an_order_whose_price_comes_with_its_next_state_is_one(company: Engine, tmp_path: Path, case: str) -> None:
    """The price is part of what a line is known by; of an order that is pending, it is empty."""
    files, lines, levels, asks = STATES[case]
    for text in files:
        take(company, tmp_path, f"{HEADER}\n{text}", TILL)
    assert [row[2:5] for row in rows_of(company)] == lines
    assert (hall(company)[0], len(inbox(company))) == (levels, asks)


def test_what_was_asked_is_asked_until_it_is_answered(company: Engine, tmp_path: Path) -> None:
    """Neither trying again, one or both, nor sending the rows out and in makes a question of two rows two more lines."""
    take(company, tmp_path, f"{HEADER}\n{state(2, 'open')}", TILL)
    take(company, tmp_path, f"{HEADER}\n{state(1, 'sent', '9.00')}{state(1, 'open', '9.00')}", TILL)
    before, items = facts(company), [item for (item,) in table(company, "select id from inbox_item order by id")]
    for some in (items, items[:1]):
        assert (retry(company, some, COMMAND_LINE).taken, facts(company)) == (0, before)
    export_rows(company, None, tmp_path / "out.csv")
    text = (tmp_path / "out.csv").read_text()
    assert take(company, tmp_path, text, TILL, name="back.csv") == {"quarantined": 2}
    assert facts(company) == before
    mended = text.replace("A-1,1,9.00,sent", "A-1,2,9.00,sent").splitlines()[:2]
    assert take(company, tmp_path, "\n".join(mended), TILL, name="mended.csv") == {"updated": 1}
    assert (rows_of(company), len(inbox(company))) == ([("118", "A-1", 2, 2, 0, 0)], 1)


def test_equal_lines_keep_their_states_in_any_order_of_rows(company: Engine, tmp_path: Path) -> None:
    rows = [state(1, "open", "9.00"), state(1, "sent", "9.00"), state(1, "gone", "9.00")]
    take(company, tmp_path, HEADER + "\n" + "".join(rows), TILL)
    before = facts(company)
    assert take(company, tmp_path, HEADER + "\n" + "".join(reversed(rows)), TILL) == {"duplicates": 3}
    resaved = "".join(rows[1:] + rows[:1]).replace("2026-11-16 10:00:00", "16.11.2026 10:00").replace("9.00", "9")
    assert take(company, tmp_path, f"{HEADER}\n{resaved}", TILL) == {"duplicates": 3}
    assert facts(company) == before
    # one more, the first of them: it is the new one
    assert take(company, tmp_path, HEADER + "\n" + rows[1] + "".join(rows), TILL) == {"imported": 1, "duplicates": 3}
    assert [row[2:5] for row in rows_of(company)] == [(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 0)]


# ---- drawn at random ------------------------------------------------------------------------------------------------------------------

Line = dict[str, Any]
PLACED: Final = datetime(2026, 11, 3, 10, 0, 7, tzinfo=ZoneInfo("Europe/Berlin"))


@st.composite
def orders(draw: st.DrawFn) -> list[Line]:
    """Some orders with lines, of which some equal one another."""
    drawn = []
    for number in range(draw(st.integers(1, 4))):
        at = PLACED + timedelta(hours=number, seconds=draw(st.integers(0, 52)))
        lines = draw(
            st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 2), st.sampled_from(["open", "sent", "gone"])), min_size=1, max_size=4)
        )
        drawn += [
            {"order": f"00{number}", "date": at, "sku": sku, "qty": units, "price": "5.50", "state": word} for sku, units, word in lines
        ]
    return [{**line, "line": str(place)} for place, line in enumerate(drawn)]


@st.composite
def ways(draw: st.DrawFn, rows: int) -> list[tuple[list[int], dict[str, Any]]]:
    """How the rows are told: in one file or two, each with its rows in an order and its way of writing."""
    order = draw(st.permutations(range(rows)))
    cut = draw(st.integers(0, rows))
    styles = st.fixed_dictionaries(
        {
            "delimiter": st.sampled_from(",;\t|"),
            "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
            "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
            "dates": st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"]),
            "columns": st.permutations(["order", "date", "sku", "qty", "price", "state"]),
        }
    )
    return [(part, draw(styles)) for part in (order[:cut], order[cut:]) if part]


def tell(engine: Engine, folder: Path, lines: Sequence[Line], style: dict[str, Any], by: str) -> dict[str, int]:
    columns = [*(["line"] if by == WITH_IDS else []), *style["columns"]]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, delimiter=style["delimiter"], quoting=style["quoting"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**line, "date": line["date"].strftime(style["dates"])} for line in lines)
    return take(engine, folder, buffer.getvalue().encode(style["encoding"]), by)


PLAIN_STYLE: Final = {
    "delimiter": ",",
    "quoting": csv.QUOTE_MINIMAL,
    "encoding": "utf-8",
    "dates": "%Y-%m-%d %H:%M:%S",
    "columns": ["order", "date", "sku", "qty", "price", "state"],
}


def expected(lines: Sequence[Line]) -> list[tuple[Any, ...]]:
    """The facts of the lines, by a plain look at each."""
    looks = [
        (line["order"], line["sku"], line["qty"], line["qty"] * (line["state"] == "sent"), line["qty"] * (line["state"] == "gone"), 0)
        for line in lines
    ]
    return sorted(looks)


@settings(max_examples=4)
@given(lines=orders(), draw=st.data())
def test_a_known_file_told_again_in_any_way_changes_nothing(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, lines: list[Line], draw: st.DataObject
) -> None:
    engine, folder = stores(), tmp_path_factory.mktemp("again")
    first, second = draw.draw(st.sampled_from([(TILL, TILL), (TILL, WITH_IDS), (WITH_IDS, TILL), (WITH_IDS, WITH_IDS)]))
    assert tell(engine, folder, lines, PLAIN_STYLE, first) == {"imported": len(lines)}
    before = facts(engine)
    assert before[0] == expected(lines)
    part, style = draw.draw(ways(len(lines)))[0]
    whole = [*part, *(place for place in range(len(lines)) if place not in part)]
    assert tell(engine, folder, [lines[place] for place in whole], style, second) == {"duplicates": len(lines)}
    assert (facts(engine), inbox(engine)) == (before, [])
    engine.dispose()


@settings(max_examples=4)
@given(lines=orders(), draw=st.data())
def test_a_file_in_two_parts_tells_what_it_tells_in_one(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, lines: list[Line], draw: st.DataObject
) -> None:
    """With line ids, however it is cut and written; the parts may be told twice."""
    engine, folder = stores(), tmp_path_factory.mktemp("parts")
    parts = draw.draw(ways(len(lines)))
    for part, style in parts:
        assert tell(engine, folder, [lines[place] for place in part], style, WITH_IDS) == {"imported": len(part)}
    part, style = parts[0]
    assert tell(engine, folder, [lines[place] for place in part], style, WITH_IDS) == {"duplicates": len(part)}
    assert rows_of(engine) == expected(lines)
    reserved = {sku: sum(one["qty"] for one in lines if one["sku"] == sku and one["state"] == "open") for sku in SKUS}
    sent = {sku: sum(one["qty"] for one in lines if one["sku"] == sku and one["state"] == "sent") for sku in SKUS}
    assert hall(engine) == [(100 - sent[sku], reserved[sku]) for sku in SKUS]
    engine.dispose()


@settings(max_examples=4)
@given(lines=orders(), by=st.sampled_from([TILL, WITH_IDS]), events_first=st.booleans())
def test_events_and_a_file_of_the_same_orders_are_one_telling(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, lines: list[Line], by: str, events_first: bool
) -> None:
    """A feed tells of the orders by line ids of its own; the file brings their states. If the file came first, the sale is a question."""
    engine, folder = stores(), tmp_path_factory.mktemp("routes")
    if not events_first:
        assert tell(engine, folder, lines, PLAIN_STYLE, by) == {"imported": len(lines)}
    refs = dict.fromkeys(line["order"] for line in lines)
    for ref in refs:
        own = [line for line in lines if line["order"] == ref]
        at = own[0]["date"]
        sale = Sale(
            source="hook",
            event_id=f"sale {ref}",
            occurred_at=at,
            received_at=at,
            channel_id="web",
            order_ref=ref,
            currency="EUR",
            lines=tuple(SaleLine(line_ref=f"gid-{line['line']}", external_sku=line["sku"], quantity=line["qty"]) for line in own),
        )
        outcomes = [outcome.status for outcome in ingest(engine, [sale])]
        assert outcomes == ["applied" if events_first else "refused"]
    result = tell(engine, folder, lines, PLAIN_STYLE, by)
    assert result.get("imported", 0) == 0
    assert (rows_of(engine), inbox(engine), one(engine, "select count(*) from order_line")) == (expected(lines), [], len(lines))
    facts(engine)
    engine.dispose()
