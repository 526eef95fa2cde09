"""Buffer rules as a file: each row is taken or refused with its reason, and what is written is read again as it was."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.exports import to_csv
from data_access.domain.buffer_rules import LARGEST, SCOPE_FIELDS, RuleDraft, problems
from data_access.domain.buffers import RULES
from data_access.errors import InvalidInput
from data_access.imports.files.buffer_file import COLUMNS, FILE_ROWS, MAX_BYTES, MAX_ROWS, KnownNames, drafts, read_rules, write_rules
from data_access.spreadsheets import harmless_texts

CHANNELS = {"ebay": "ebay", "eBay": "ebay", "web": "web", "Web shop": "web", "till-1": "till-1", "Till": "till-1", "till-2": "till-2"}
LOCATIONS = {"LDN": "LDN", "London": "LDN", "LEE": "LEE", "Leeds": "LEE"}
CATEGORIES = ("Toys", "Café")
SKUS = ("A", "B", "K")
KITS = ("K",)
DAY = 86_400_000_000
NOW = int(datetime(2026, 10, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
HEADER = "channel,sku,category,location,in,amount,reason,last_day"


def rules_of(*rows: dict[str, Any]) -> pl.DataFrame:
    empty = {**dict.fromkeys(RULES), "basis": "units", "amount": 2.0, "reason": "slow sync", "version": 1}
    return pl.DataFrame([{**empty, **row} for row in rows], schema=RULES)


STORED = rules_of(
    {"rule_id": 7, "level": "channel", "channel_id": "ebay", "version": 3},
    {"rule_id": 8, "level": "channel_category", "channel_id": "web", "category": "Toys", "basis": "percent", "amount": 12.5},
    {"rule_id": 9, "level": "sku", "sku": "B", "basis": "days", "amount": 1.0, "ends_at": NOW - DAY},
)


def read(data: str | bytes, rules: pl.DataFrame = STORED, channels: dict[str, str] = CHANNELS) -> pl.DataFrame:
    raw = data.encode() if isinstance(data, str) else data
    known = KnownNames(channels=channels, locations=LOCATIONS, categories=CATEGORIES, skus=SKUS, kits=KITS)
    rows = read_rules(raw, "rules.csv", rules, known, NOW)
    assert dict(rows.schema) == dict(FILE_ROWS)
    return rows


def row(text: str, header: str = HEADER, **more: Any) -> dict[str, Any]:
    rows = read(f"{header}\n{text}\n", **more)
    assert rows.height == 1
    return rows.row(0, named=True)


def problem(text: str, header: str = HEADER, **more: Any) -> str:
    refused_row = row(text, header, **more)
    assert refused_row["outcome"] == "refused"
    return str(refused_row["problem"])


def refused(data: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(data)
    return str(caught.value)


def test_rows_are_new_changed_or_the_same() -> None:
    rows = read(f"{HEADER}\nebay,,,,,2,slow sync,\nweb,,Toys,,percent,15,more returns,2026-12-31\n,A,,LDN,units,3,shelf,\n")
    preview = rows.select("line_number", "text", "rule_id", "version", "before", "outcome", "problem").rows()
    assert preview == [
        (2, "ebay,,,,,2,slow sync,", 7, 3, "2 units", "same", None),
        (3, "web,,Toys,,percent,15,more returns,2026-12-31", 8, 1, "12.5 % of the pool", "change", None),
        (4, ",A,,LDN,units,3,shelf,", None, None, None, "new", None),
    ]
    end = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert drafts(rows) == [
        (RuleDraft("channel_category", "web", None, "Toys", None, "percent", 15.0, "more returns", end), 8, 1),
        (RuleDraft("location", None, "A", None, "LDN", "units", 3.0, "shelf"), None, None),
    ]


@pytest.mark.parametrize(
    ("cells", "level"),
    [
        ("ebay,A,,", "channel_sku"),
        (",A,,", "sku"),
        ("ebay,,Toys,", "channel_category"),
        (",,Toys,", "category"),
        ("ebay,,,", "channel"),
        (",A,,LDN", "location"),
    ],
)
def test_what_is_filled_says_the_scope(cells: str, level: str) -> None:
    one_row = row(f"{cells},units,3,why,")
    assert (one_row["level"], one_row["problem"]) == (level, None)
    scope = {field for field in ("channel_id", "sku", "category", "location_id") if one_row[field] is not None}
    assert scope == set(SCOPE_FIELDS[level])


NO_CHANNEL = "channel: There is no channel “moon” in this store: write the id or name of one."
FILL = "fill channel and sku, sku, channel and category, category, channel, or location and sku."


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (",,,", f"channel, sku, category, location: all are empty: {FILL}"),
        (",A,Toys,", f"sku, category: no rule covers just this: {FILL}"),
        (",,,LDN", f"location: no rule covers just this: {FILL}"),
        ("ebay,A,,LDN", f"channel, sku, location: no rule covers just this: {FILL}"),
        (" , , , ", f"channel, sku, category, location: all are empty: {FILL}"),
        ("moon,,,", NO_CHANNEL),
        (",C,,", "sku: There is no SKU “C” in this store: write one of your catalogue."),
        (",a,,", "sku: There is no SKU “a” in this store: write one of your catalogue."),
        (",,Games,", "category: There is no category “Games” in this store: write one that products have."),
        (",A,,Rome", "location: There is no location “Rome” in this store: write the id or name of one."),
        (",K,,LDN", "sku: “K” is a kit and lies nowhere itself: give each of its components a rule."),
        ("=ebay,,,", "channel: “=ebay” is a formula: write the value itself."),
        (",'=A,,", "sku: There is no SKU “'=A” in this store: write one of your catalogue."),
        (f",{'x' * 70},,", f"sku: There is no SKU “{'x' * 60}…” in this store: write one of your catalogue."),
        (
            "moon,C,,",
            f"{NO_CHANNEL} sku: There is no SKU “C” in this store: write one of your catalogue.",
        ),
    ],
)
def test_scopes_that_cannot_be(cells: str, sentence: str) -> None:
    assert problem(f"{cells},units,3,why,") == sentence


def test_channels_and_locations_go_by_id_or_name_in_any_case() -> None:
    assert row("EBAY,,,,,1,why,")["channel_id"] == "ebay"
    assert row("web SHOP,,,,,1,why,")["channel_id"] == "web"
    assert row(",A,,leeds,,1,why,")["location_id"] == "LEE"
    both = {"shop": "shop", "Shop": "Shop", "Corner": "Shop"}
    assert [row(f"{name},,,,,1,why,", channels=both)["channel_id"] for name in ("shop", "Shop", "CORNER")] == ["shop", "Shop", "Shop"]
    assert problem("SHOP,,,,,1,why,", channels=both) == "channel: Several channels are called “SHOP”: write the id of one."
    assert problem("ebay,,,,,1,why,", channels={}) == "channel: There is no channel “ebay” in this store: write the id or name of one."


@pytest.mark.parametrize(
    ("word", "basis"),
    [
        ("", "units"),
        ("unit", "units"),
        ("Units", "units"),
        ("%", "percent"),
        ("percent", "percent"),
        ("% of the pool", "percent"),
        ("days", "days"),
        (" Days of demand ", "days"),
    ],
)
def test_what_amounts_are_in(word: str, basis: str) -> None:
    assert row(f"ebay,,,,{word},1,why,")["basis"] == basis


PLAIN = "is not a plain number: write it with a point, at most two decimals and no separators, like 1000 or 2.5."


@pytest.mark.parametrize(
    ("basis", "amount", "sentence"),
    [
        ("units", "", "Give a number of units."),
        ("days", "", "Give a number of days."),
        ("", "many", "“many” is not a number: write one like 5 or 2.5."),
        ("", "1e3", "“1e3” is not a number: write one like 5 or 2.5."),
        ("", "nan", "“nan” is not a number: write one like 5 or 2.5."),
        ("", "٣", "“٣” is not a number: write one like 5 or 2.5."),
        ("%", "1,000", f"“1,000” {PLAIN}"),
        ("%", "2,5", f"“2,5” {PLAIN}"),
        ("%", "1.000", f"“1.000” {PLAIN}"),
        ("%", "1.000.000", f"“1.000.000” {PLAIN}"),
        ("%", "1'000", f"“1'000” {PLAIN}"),
        ("%", "1 000", f"“1 000” {PLAIN}"),
        ("%", "1\u202f000", f"“1 000” {PLAIN}"),
        ("%", "1\u2019000,5", f"“1\u2019000,5” {PLAIN}"),
        ("", "-3", "-3 is negative: give 0 or more units."),
        ("", "2000000", "2,000,000 units is more than a rule may withhold (1,000,000): give less."),
        ("%", "100.01", "100.01 percent is more than a rule may withhold (100): give less."),
        ("", "2.5", "2.5 is not a whole number of units."),
        ("days", "2.1234", "2.1234 has more than two decimals: round it."),
        ("", "9" * 400, "Give a number of units."),
        ("", "=1+1", "“=1+1” is a formula: write the value itself."),
        ("", "+5", "“+5” is a formula: write the value itself."),
        ("", "@SUM(A1)", "“@SUM(A1)” is a formula: write the value itself."),
        ("", "-1-1", "“-1-1” is a formula: write the value itself."),
        ("", "\t=5", "“=5” is a formula: write the value itself."),
        ("", "\t5", "“5” has a tab or a line break before it: write the value itself."),
        ("", "\r\n5", "“5” has a tab or a line break before it: write the value itself."),
        ("", "'5", "“'5” is not a number: write one like 5 or 2.5."),
        ("", "'=5", "“'=5” is not a number: write one like 5 or 2.5."),
    ],
)
def test_amounts_that_cannot_be(basis: str, amount: str, sentence: str) -> None:
    assert problem(f'ebay,,,,{basis},"{amount}",why,') == f"amount: {sentence}"


@pytest.mark.parametrize(("written", "amount"), [("0", 0.0), ("5.", 5.0), (" 5.0 ", 5.0), ("007", 7.0), ("-0", 0.0)])
def test_amounts_in_several_writings(written: str, amount: float) -> None:
    assert row(f"ebay,,,,,{written},why,")["amount"] == amount
    assert row("ebay,,,,%,.25,why,")["amount"] == 0.25


def test_other_cells_that_cannot_be() -> None:
    assert problem("ebay,,,,pallets,1,why,") == "in: “pallets” cannot be taken here: give units, percent or days."
    assert problem(",A,,LDN,%,1,why,") == "in: “percent” cannot be taken here: give units."
    assert problem("ebay,,,,,1, ,") == "reason: Say why, in at most 500 characters."
    assert problem(f"ebay,,,,,1,{'x' * 501},") == "reason: Say why, in at most 500 characters."
    for day in ("31/12/2026", "2026-02-30", "2026-1-1", "20261231"):
        assert problem(f"ebay,,,,,1,why,{day}") == f"last_day: “{day}” is not a day: write it as YYYY-MM-DD."
    assert problem("ebay,,,,,1,why,9999-12-31") == "last_day: “9999-12-31” is after 2099: leave it empty for a rule without an end."
    assert row("ebay,,,,,1,why,2099-12-31")["problem"] is None
    assert problem("ebay,,,,,1,why,2026-09-30") == "last_day: The end has passed already: choose a later day, or none."
    assert row("ebay,,,,,1,why,2026-10-01")["ends_at"] == NOW + DAY // 2
    assert problem("moon,,,,pallets,x,,soon") == (
        f"{NO_CHANNEL} in: “pallets” cannot be taken here: give units, percent or days. "
        "amount: “x” is not a number: write one like 5 or 2.5. "
        "reason: Say why, in at most 500 characters. "
        "last_day: “soon” is not a day: write it as YYYY-MM-DD."
    )


def test_reasons_that_look_like_formulas() -> None:
    for text in ("=1+1", "+1", "@home", "- slow", "=a\nb"):
        quoted = text.replace("\n", " ")
        assert problem(f'ebay,,,,,1,"{text}",') == f"reason: “{quoted}” is a formula: write the value itself."
        assert row(f'ebay,,,,,1,"\'{text}",')["reason"] == text
    assert row("ebay,,,,,1,-5,")["reason"] == "-5"
    assert [row(f"ebay,,,,,1,{text},")["reason"] for text in ("'-5", "'tis slow", "''=1", "'")] == ["-5", "'tis slow", "'=1", "'"]


def test_the_second_row_of_a_scope_is_refused() -> None:
    rows = read(f"{HEADER}\nebay,,,,,x,why,\nweb,A,,,,1,why,\n\nEBAY,,,,,1,why,\nweb,A,,,,1,why,\nmoon,,,,,1,why,\nmoon,,,,,1,why,\n")
    assert rows.select("line_number", "problem").rows() == [
        (2, "amount: “x” is not a number: write one like 5 or 2.5."),
        (3, None),
        (5, "channel: line 2 has a rule for exactly this already: keep one of them."),
        (6, "channel, sku: line 3 has a rule for exactly this already: keep one of them."),
        (7, NO_CHANNEL),
        (8, NO_CHANNEL),
    ]


def test_rows_that_are_no_rows() -> None:
    lines = [HEADER, '"ebay"x,,,,,1,why,', "ebay,,,,,1,why,,,9", 'web,,,,,1,"why,', ',A,,,,1,"two\r\nlines"', ",,,,,,,", " ", "x" * 10_001]
    rows = read("\n".join([*lines, ",B,,,,1,why", "web,,,,,1,why,,,"]))
    quotes = "row: its quotes do not match: mend them, or double a quote that is part of the text."
    assert rows.select("line_number", "text", "reason", "problem").rows() == [
        (2, '"ebay"x,,,,,1,why,', "", quotes),
        (3, "ebay,,,,,1,why,,,9", "", "row: it has 10 cells where the header has 8: put a cell that holds the separator in quotes."),
        (4, 'web,,,,,1,"why,', "", quotes),
        (5, ",A,,,,1,two\r\nlines", "two\r\nlines", None),
        (9, "x" * 500, "", "row: it is longer than 10,000 characters: shorten it."),
        (10, ",B,,,,1,why", "why", None),
        (11, "web,,,,,1,why,,,", "why", None),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_breaks(separator: str, encoding: str, newline: str) -> None:
    lines = ["Amount;Reason;Category;Last Day;", '5;"naïve; ""so""";Café;2026-12-31;', "", "6;why;Toys"]
    text = newline.join(lines).replace(";", separator)
    rows = read(text.encode(encoding))
    assert rows.select("line_number", "category", "amount", "reason", "outcome").rows() == [
        (2, "Café", 5.0, f'naïve{separator} "so"', "new"),
        (4, "Toys", 6.0, "why", "new"),
    ]
    assert rows["text"][1] == separator.join(["6", "why", "Toys"])


GIVE = "give amount, reason, at least one of channel, sku, category and location, and perhaps in and last_day."


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("channel,amount,reason,price", "unknown: “price”"),
        ("channel,amount,reason,,Sale  Price", "unknown: “”, “Sale  Price”"),
        ("sku,SKU,last day,LAST_DAY,amount,reason", "twice: sku, last_day"),
        ("sku,reason", "missing: amount"),
        ("amount,reason,in", "missing: one of channel, sku, category, location"),
        ("price,price,amount,amount", "unknown: “price”, “price”; twice: amount; missing: reason, one of channel, sku, category, location"),
        (",".join(f"c{i}" for i in range(10)) + ",sku,amount,reason", "unknown: " + ", ".join(f"“c{i}”" for i in range(8)) + ", 2 more"),
    ],
)
def test_columns_that_do_not_fit(header: str, wrong: str) -> None:
    assert refused(f"{header}\nx,1,why\n") == f"The columns of “rules.csv” do not fit ({wrong}): {GIVE}"


def test_the_columns_may_come_in_any_order_and_writing() -> None:
    one_row = row("2026-12-31,why,5,%,web", " LAST day , Reason,AMOUNT,In,Channel")
    assert (one_row["channel_id"], one_row["basis"], one_row["amount"], one_row["reason"]) == ("web", "percent", 5.0, "why")
    assert one_row["ends_at"] == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "“rules.csv” is empty: write a header line and below it a row for each rule."),
        (b"\xef\xbb\xbf \r\n\n", "“rules.csv” is empty: write a header line and below it a row for each rule."),
        (HEADER.encode(), "“rules.csv” has a header but no rows: write a row for each rule below it."),
        (f"{HEADER}\n,,,,,,,\n\n".encode(), "“rules.csv” has a header but no rows: write a row for each rule below it."),
        (b"PK\x03\x04rest", "“rules.csv” is a workbook or an archive, not text: open it in a spreadsheet and save it as CSV."),
        (b"\xd0\xcf\x11\xe0rest", "“rules.csv” is a workbook or an archive, not text: open it in a spreadsheet and save it as CSV."),
        (b"sku,amount\x00", "“rules.csv” holds zero bytes and so is not text: save the rules as CSV and upload that."),
        (b"\xff\xfe\x00\x00s\x00", "“rules.csv” holds zero bytes and so is not text: save the rules as CSV and upload that."),
        (b"sku,amount,reason\nA,1,\x81", "“rules.csv” is not text in UTF-8, UTF-16 or Windows-1252: save it as CSV in UTF-8."),
        (b"\xef\xbb\xbfsku,amount,reason\nA,1,\xe9", "“rules.csv” is not text in UTF-8, UTF-16 or Windows-1252: save it as CSV in UTF-8."),
        (b"\xff\xfes\x00k", "“rules.csv” is not text in UTF-8, UTF-16 or Windows-1252: save it as CSV in UTF-8."),
        (b",,,", f"The columns of “rules.csv” do not fit (missing: amount, reason, one of {', '.join(COLUMNS[:4])}): {GIVE}"),
        (b'sku,"amount\n', f"The header of “rules.csv” cannot be read: write the columns {', '.join(COLUMNS)}."),
        (b"x" * (MAX_BYTES + 1), "“rules.csv” has 5,000,001 bytes, and at most 5,000,000 can be read at once: split it."),
    ],
)
def test_files_that_are_refused_whole(data: bytes, sentence: str) -> None:
    assert refused(data) == sentence


def test_too_many_rows_are_refused_at_once() -> None:
    start = time.perf_counter()
    sentence = "“rules.csv” has 200,001 lines, more than a header and 5,000 rows: split it into several files."
    assert refused("sku,amount,reason\n" + "A,1,why\n" * 200_000) == sentence
    assert time.perf_counter() - start < 0.5
    sentence = "“rules.csv” has 5,002 lines, more than a header and 5,000 rows: split it into several files."
    assert refused("sku,amount,reason" + "\nA,1,why" * (MAX_ROWS + 1)) == sentence
    assert read("sku,amount,reason\n\n" + 'A,1,"why,\nso"\n' * MAX_ROWS).height == MAX_ROWS


def test_an_end_within_a_day_stays_while_the_day_does() -> None:
    stored = rules_of({"rule_id": 1, "level": "sku", "sku": "A", "ends_at": NOW + 5})
    assert write_rules(stored)["last_day"].to_list() == ["2026-10-01"]
    assert row("A,2,slow sync,2026-10-01", "sku,amount,reason,last_day", rules=stored)["outcome"] == "same"
    changed = row("A,3,slow sync,2026-10-01", "sku,amount,reason,last_day", rules=stored)
    assert (changed["outcome"], changed["ends_at"]) == ("change", NOW + 5)
    later = row("A,2,slow sync,2026-10-02", "sku,amount,reason,last_day", rules=stored)
    assert (later["outcome"], later["ends_at"]) == ("change", NOW + DAY + DAY // 2)


def test_an_ended_rule_may_stay_but_not_change() -> None:
    assert row("B,days,1,slow sync,2026-09-30", "sku,in,amount,reason,last_day")["outcome"] == "same"
    assert problem("B,days,2,slow sync,2026-09-30", "sku,in,amount,reason,last_day") == (
        "last_day: The end has passed already: choose a later day, or none."
    )


def test_what_is_written() -> None:
    assert write_rules(STORED).rows() == [
        ("ebay", None, None, None, "units", 2.0, "slow sync", None),
        ("web", None, "Toys", None, "percent", 12.5, "slow sync", None),
        (None, "B", None, None, "days", 1.0, "slow sync", "2026-09-30"),
    ]
    assert write_rules(STORED).columns == list(COLUMNS)
    assert to_csv(write_rules(RULES.to_frame())).decode("utf-8-sig") == f"{HEADER}\n"


LETTERS = st.characters(codec="utf-8", exclude_characters="\x00")
TEXTS = st.one_of(st.text(LETTERS, min_size=1, max_size=40), st.text("'=+-@\t\r\n\",; a1", min_size=1, max_size=8))
NAMES = TEXTS.map(str.strip).filter(lambda text: text != "" and (text[0] == "'" or harmless_texts([text]) == [text]))


@st.composite
def stores(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """Valid rules, and what they may name."""
    named = {
        field: draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)) for field in ("channel_id", "sku", "category", "location_id")
    }
    rows: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 8))):
        level = draw(st.sampled_from(list(SCOPE_FIELDS)))
        basis = "units" if level == "location" else draw(st.sampled_from(list(LARGEST)))
        step = 1 if basis == "units" else 100
        draft = RuleDraft(
            level,
            **{field: draw(st.sampled_from(named[field])) for field in SCOPE_FIELDS[level]},
            basis=basis,
            amount=draw(st.integers(0, int(LARGEST[basis]) * step)) / step,
            reason=draw(TEXTS.map(str.strip).filter(bool)),
            ends_at=draw(st.none() | st.integers(-10 * DAY, NOW + 1_000 * DAY)),
        )
        assert not problems(draft, -11 * DAY)
        rows.setdefault(draft.scope, {**draft.values(), "rule_id": number, "version": 1 + number})
    return rules_of(*rows.values()), named


@given(stores())
def test_what_is_written_is_read_as_it_was(store: tuple[pl.DataFrame, dict[str, list[str]]]) -> None:
    rules, named = store
    channels, locations = ({one: one for one in named[field]} for field in ("channel_id", "location_id"))
    known = KnownNames(channels=channels, locations=locations, categories=named["category"], skus=named["sku"], kits=())
    rows = read_rules(to_csv(write_rules(rules)), "rules.csv", rules, known, NOW)
    assert rows["outcome"].to_list() == ["same"] * rules.height, rows["problem"].to_list()
    assert rows.select(RULES.names()).equals(rules)
    assert drafts(rows) == []


FRAGMENTS = st.sampled_from(
    [
        *COLUMNS,
        *CHANNELS,
        *CATEGORIES,
        *SKUS,
        ",",
        ",",
        ";",
        "\t",
        "\n",
        "\n",
        "\r",
        '"',
        "'",
        "=",
        "-1",
        "5",
        "2,5",
        "1.000",
        "%",
        "2026-12-31",
    ]
)
FILES = st.one_of(
    st.binary(max_size=200),
    st.lists(FRAGMENTS, max_size=60).map(lambda parts: "".join(parts).encode()),
    st.lists(FRAGMENTS, max_size=60).map(lambda parts: f"{HEADER}\n{''.join(parts)}".encode()),
    st.tuples(st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-8-sig"]), st.text(LETTERS)).map(
        lambda pair: f"{HEADER}\n{pair[1]}".encode(pair[0])
    ),
    st.binary(max_size=100).map(lambda raw: HEADER.encode() + b"\n" + raw),
)


@given(FILES)
def test_any_bytes_give_rows_or_a_sentence(data: bytes) -> None:
    try:
        rows = read(data)
    except InvalidInput:
        return
    assert rows.height > 0
    assert rows["line_number"].is_sorted()
    for one in rows.iter_rows(named=True):
        assert (one["outcome"] == "refused") == (one["problem"] is not None)
        if one["problem"]:
            assert re.match(f"(row|({'|'.join(COLUMNS)})(, ({'|'.join(COLUMNS)}))*): ", one["problem"])
    to_save = drafts(rows)
    assert all(problems(draft, NOW) == {} for draft, _, _ in to_save)
    assert len({draft.scope for draft, _, _ in to_save}) == len(to_save)
    assert all(rule_id is None or STORED.filter(rule_id=rule_id).height == 1 for _, rule_id, _ in to_save)
