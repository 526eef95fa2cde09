"""Buffer rules as a CSV file: read for a preview that takes or refuses each row with its reason, and written to be read again.

A row says what a rule covers (channel, sku, category, location), what it withholds (in, amount), why, and until which day. The file
may be in UTF-8, UTF-16 or Windows-1252, and separated by commas, semicolons or tabs.
"""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import polars as pl

from data_access.domain.buffer_rules import SCOPE_FIELDS, RuleDraft, amount_in_words, problems
from data_access.errors import InvalidInput
from data_access.spreadsheets import distinct, restored

COLUMNS: Final = ("channel", "sku", "category", "location", "in", "amount", "reason", "last_day")
MAX_ROWS: Final = 5_000
MAX_BYTES: Final = 5_000_000
FILE_ROWS: Final = pl.Schema(
    {
        "line_number": pl.Int64,  # of its first line, the first line of the file being 1
        "text": pl.String,  # the row as written, at most 500 characters
        "level": pl.String,  # this and the next eight: the fields of `RuleDraft`, null where the file does not show them
        "channel_id": pl.String,
        "sku": pl.String,
        "category": pl.String,
        "location_id": pl.String,
        "basis": pl.String,
        "amount": pl.Float64,
        "reason": pl.String,
        "ends_at": pl.Int64,
        "rule_id": pl.Int64,  # this and the next two: of the rule of that very scope; null if there is none
        "version": pl.Int64,
        "before": pl.String,  # its amount, in words
        "outcome": pl.String,  # new, change, same or refused
        "problem": pl.String,  # why it is refused
    }
)
_FIELDS: Final = {
    "channel_id": "channel",
    "sku": "sku",
    "category": "category",
    "location_id": "location",
    "basis": "in",
    "amount": "amount",
    "reason": "reason",
    "ends_at": "last_day",
}
_SCOPE: Final = COLUMNS[:4]
_KEY: Final = ("level", "channel_id", "sku", "category", "location_id")
_SAYS: Final = ("basis", "amount", "reason", "ends_at")
_REQUIRED: Final = ("amount", "reason")
_BASES: Final = {
    "unit": "units",
    "units": "units",
    "%": "percent",
    "percent": "percent",
    "% of the pool": "percent",
    "days": "days",
    "days of demand": "days",
}
_MAX_TEXT: Final = 500
_MAX_RECORD: Final = 10_000  # characters: a reason of quotes alone is not as long
_MAX_LINES: Final = 20 * MAX_ROWS  # a reason may hold line breaks
_MAX_QUOTED: Final = 60  # characters of a cell in a sentence
_DAY: Final = 86_400_000_000
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NUMBER: Final = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_SEPARATED: Final = r"^-?[0-9][0-9.,' \x{a0}\x{2019}\x{202f}]*$"
_THOUSANDS: Final = r"^-?[0-9]{1,3}(\.[0-9]{3})+$"  # 1.000 is a thousand to some, and one to others
_IS_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TOO_LATE: Final = "2100"  # such a year stands for no end


@dataclass(frozen=True, slots=True)
class _Record:
    """One row as it stands in the file; `problem`: why it cannot be split into cells."""

    line_number: int
    cells: list[str]
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """What a rule may name. `channels` and `locations`: the id by each id and name; `kits`: those of `skus` that are kits."""

    channels: Mapping[str, str]
    locations: Mapping[str, str]
    categories: Collection[str]
    skus: Collection[str]
    kits: Collection[str]


def read_rules(data: bytes, file_name: str, rules: pl.DataFrame, known: KnownNames, now: int) -> pl.DataFrame:
    """The rows of a file by `FILE_ROWS`, in its order.

    Args:
        data: the file's bytes.
        file_name: for the sentences.
        rules: `domain.buffers.RULES` as they are.
        known: what the store has.
        now: microseconds since 1970.

    Raises:
        InvalidInput: it is no such file: other columns, no rows or too many, too large, binary, or in an unknown encoding.

    """
    rows = _values(_cells(_text(data, file_name), file_name), known).with_columns(_wrong(known))
    rows = rows.with_columns(pl.coalesce(_covers_nothing(), _comes_again()).alias("wrong.scope"))
    rows = _beside(rows, rules).with_columns(_is_same().alias("is_same"))
    rows = rows.hstack(_said(rows, now)).with_columns(_problem().alias("problem"))
    return rows.with_columns(_outcome().alias("outcome")).select(FILE_ROWS.names()).cast(FILE_ROWS)


def drafts(rows: pl.DataFrame) -> list[tuple[RuleDraft, int | None, int | None]]:
    """Of `FILE_ROWS`, what is to be saved: each new or changed rule, with the id and version of the one that it changes."""
    wanted = rows.filter(pl.col("outcome").is_in(["new", "change"])).select("level", *_FIELDS, "rule_id", "version")
    return [(RuleDraft(*fields), rule_id, version) for *fields, rule_id, version in wanted.rows()]


def write_rules(rules: pl.DataFrame) -> pl.DataFrame:
    """`domain.buffers.RULES` in the `COLUMNS` of a file, with the ids of channels and locations."""
    day = (pl.col("ends_at") - 1).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d")
    writable = rules.with_columns(ends_at=day, reason=distinct(pl.col("reason")))
    return writable.select(pl.col(field).alias(name) for field, name in _FIELDS.items())


# ---- bytes to cells ----------------------------------------------------------------------------------------------------


def _text(data: bytes, file_name: str) -> str:
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"“{file_name}” has {len(data):,} bytes, and at most {MAX_BYTES:,} can be read at once: split it.")
    if data.startswith(_WORKBOOKS):
        raise InvalidInput(f"“{file_name}” is a workbook or an archive, not text: open it in a spreadsheet and save it as CSV.")
    text = _decoded(data)
    if text is None:
        raise InvalidInput(f"“{file_name}” is not text in UTF-8, UTF-16 or Windows-1252: save it as CSV in UTF-8.")
    if "\x00" in text:
        raise InvalidInput(f"“{file_name}” holds zero bytes and so is not text: save the rules as CSV and upload that.")
    if not text.strip():
        raise InvalidInput(f"“{file_name}” is empty: write a header line and below it a row for each rule.")
    return text


def _decoded(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif data.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8-sig"]
    elif b"\x00" in data[:2]:  # a header begins with a letter: of two bytes in UTF-16
        encodings = ["utf-16-be" if data.startswith(b"\x00") else "utf-16-le"]
    else:
        encodings = ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _cells(text: str, file_name: str) -> pl.DataFrame:
    """line_number, text, wrong.row, and a text for each of `COLUMNS`, null where the file has no such column."""
    count = max(text.count("\n"), text.count("\r")) + (not text.endswith(("\n", "\r")))
    too_many = f"“{file_name}” has {count:,} lines, more than a header and {MAX_ROWS:,} rows: split it into several files."
    if count > _MAX_LINES:
        raise InvalidInput(too_many)
    lines, nothing = list(io.StringIO(text, newline="")), _Record(1, [])
    separator = max(",;\t", key=lambda one: len(set(COLUMNS).intersection(_names(next(_records(lines, one), nothing)))))
    records = _records(lines, separator)
    names = _header(next(records, nothing), file_name)
    rows_read = list(islice(records, MAX_ROWS + 1))
    if len(rows_read) > MAX_ROWS:
        raise InvalidInput(too_many)
    if not rows_read:
        raise InvalidInput(f"“{file_name}” has a header but no rows: write a row for each rule below it.")
    width = len(names)
    wrong = [record.problem or _too_wide(record, width) for record in rows_read]
    cells_by_row = [[] if problem else record.cells for problem, record in zip(wrong, rows_read, strict=True)]
    rows = [cells[:width] + [""] * (width - len(cells)) for cells in cells_by_row]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return pl.DataFrame(
        {
            "line_number": [record.line_number for record in rows_read],
            "text": [separator.join(record.cells)[:_MAX_TEXT] for record in rows_read],
            "wrong.row": wrong,
            **{name: columns.get(name, [None] * len(rows_read)) for name in COLUMNS},
        },
        schema_overrides={"wrong.row": pl.String, **dict.fromkeys(COLUMNS, pl.String)},
    )


def _records(lines: Sequence[str], separator: str) -> Iterator[_Record]:
    """The records that are not blank. One whose quotes do not match is its first line alone; its other lines are read as records again."""
    at = 0
    while at < len(lines):
        reader = csv.reader(_within_a_record(lines, at), delimiter=separator, strict=True)
        try:
            cells = next(reader, None)
        except csv.Error:
            cells, problem = None, "row: its quotes do not match: mend them, or double a quote that is part of the text."
        else:
            problem = f"row: it is longer than {_MAX_RECORD:,} characters: shorten it."
        record = _Record(at + 1, [lines[at].rstrip("\r\n")], problem) if cells is None else _Record(at + 1, cells)
        at += 1 if cells is None else reader.line_num
        if any(cell.strip() for cell in record.cells):
            yield record


def _within_a_record(lines: Sequence[str], at: int) -> Iterator[str]:
    room = _MAX_RECORD
    for number in range(at, len(lines)):
        room -= len(lines[number])
        if room < 0:
            return
        yield lines[number]


def _names(header: _Record) -> list[str]:
    names = ["_".join(cell.replace("_", " ").lower().split()) for cell in header.cells]
    while names and not names[-1]:
        names.pop()
    return names


def _header(header: _Record, file_name: str) -> list[str]:
    if header.problem is not None:
        raise InvalidInput(f"The header of “{file_name}” cannot be read: write the columns {', '.join(COLUMNS)}.")
    names = _names(header)
    unknown = [f"“{_short(cell.strip())}”" for cell, name in zip(header.cells, names, strict=False) if name not in COLUMNS]
    if len(unknown) > len(COLUMNS):
        unknown[len(COLUMNS) :] = [f"{len(unknown) - len(COLUMNS)} more"]
    repeated = [name for name in COLUMNS if names.count(name) > 1]
    missing = [name for name in _REQUIRED if name not in names]
    if not set(names) & set(_SCOPE):
        missing.append(f"one of {', '.join(_SCOPE)}")
    by_fault = {"unknown": unknown, "twice": repeated, "missing": missing}
    wrong = [f"{fault}: {', '.join(columns)}" for fault, columns in by_fault.items() if columns]
    if wrong:
        raise InvalidInput(
            f"The columns of “{file_name}” do not fit ({'; '.join(wrong)}): give amount, reason, at least one of channel, sku, "
            "category and location, and perhaps in and last_day."
        )
    return names


def _short(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return plain if len(plain) <= _MAX_QUOTED else f"{plain[:_MAX_QUOTED]}…"


def _too_wide(record: _Record, width: int) -> str | None:
    """A spreadsheet leaves out empty cells at the end of a row, or writes more of them."""
    if not any(cell.strip() for cell in record.cells[width:]):
        return None
    return f"row: it has {len(record.cells)} cells where the header has {width}: put a cell that holds the separator in quotes."


# ---- cells to rules ----------------------------------------------------------------------------------------------------


def _values(rows: pl.DataFrame, known: KnownNames) -> pl.DataFrame:
    """With the fields of rules, null where a cell gives none, and the cells under `cell.` and their column, null where empty."""
    rows = rows.with_columns(pl.col(name).str.contains(r"^[\t\r]").alias(f"tab.{name}") for name in COLUMNS)
    rows = rows.with_columns(_is_formula(name).alias(f"formula.{name}") for name in COLUMNS)
    rows = rows.select(pl.exclude(COLUMNS), *(_cell(name).alias(f"cell.{name}") for name in COLUMNS))
    amount, day = pl.col("cell.amount"), pl.col("cell.last_day")
    is_plain = amount.str.contains(_NUMBER) & ~amount.str.contains(_THOUSANDS)
    is_day = day.str.contains(_IS_DAY) & (day < _TOO_LATE)
    return rows.with_columns(
        *_id_columns("channel", known.channels),
        pl.col("cell.sku").alias("sku"),
        pl.col("cell.category").alias("category"),
        *_id_columns("location", known.locations),
        pl.col("cell.in").str.to_lowercase().fill_null("units").replace_strict(_BASES, default=None).alias("basis"),
        pl.when(is_plain).then(amount).cast(pl.Float64, strict=False).alias("amount"),
        pl.col("cell.reason").fill_null("").alias("reason"),
        (pl.when(is_day).then(day).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.epoch("us") + _DAY).alias("ends_at"),
        pl.coalesce(pl.when(_covers(fields)).then(pl.lit(level)) for level, fields in SCOPE_FIELDS.items()).alias("level"),
    )


def _is_formula(name: str) -> pl.Expr:
    cell = pl.col(name).str.strip_chars()
    return cell.str.contains("^[=+@]") | (cell.str.starts_with("-") & ~cell.str.contains(_NUMBER))


def _cell(name: str) -> pl.Expr:
    cell = pl.col(name).str.strip_chars()
    if name == "reason":
        cell = restored(cell)
    return pl.when(cell != "").then(cell)


def _id_columns(name: str, ids: Mapping[str, str]) -> list[pl.Expr]:
    """Two columns: the id whose id or name is written exactly, else the only one that matches in any case; and whether several do."""
    in_any_case: dict[str, set[str]] = {}
    for key, value in ids.items():
        in_any_case.setdefault(key.lower(), set()).add(value)
    alone = {key: next(iter(values)) for key, values in in_any_case.items() if len(values) == 1}
    cell, lower = pl.col(f"cell.{name}"), pl.col(f"cell.{name}").str.to_lowercase()
    exact = cell.replace_strict(dict(ids), default=None, return_dtype=pl.String)
    matched_id = pl.coalesce(exact, lower.replace_strict(alone, default=None, return_dtype=pl.String))
    return [matched_id.alias(f"{name}_id"), lower.is_in([key for key in in_any_case if key not in alone]).alias(f"ambiguous.{name}")]


def _covers(fields: Collection[str]) -> pl.Expr:
    """Whether these fields of a scope are filled and no others."""
    cells = {field: pl.col(f"cell.{_FIELDS[field]}") for field in _FIELDS if _FIELDS[field] in _SCOPE}
    return pl.all_horizontal(cell.is_not_null() if field in fields else cell.is_null() for field, cell in cells.items())


def _wrong(known: KnownNames) -> list[pl.Expr]:
    """What is wrong with single cells, before it is a rule: a sentence or null under `wrong.` and the column."""
    sku, amount, day = pl.col("cell.sku"), pl.col("cell.amount"), pl.col("cell.last_day")
    is_number = pl.col("amount").is_not_null()
    plain = "“{}” is not a plain number: write it with a point, at most two decimals and no separators, like 1000 or 2.5."
    checks: dict[str, list[tuple[pl.Expr, str]]] = {
        "channel": _id_checks("channel"),
        "sku": [
            (~sku.is_in(list(known.skus)), "There is no SKU “{}” in this store: write one of your catalogue."),
            (
                (pl.col("level") == "location") & sku.is_in(list(known.kits)),
                "“{}” is a kit and lies nowhere itself: give each of its components a rule.",
            ),
        ],
        "category": [
            (
                ~pl.col("cell.category").is_in(list(known.categories)),
                "There is no category “{}” in this store: write one that products have.",
            )
        ],
        "location": _id_checks("location"),
        "in": [(pl.col("basis").is_null(), "“{}” cannot be taken here: give units, percent or days.")],
        "amount": [
            (~is_number & amount.str.contains(_SEPARATED), plain),
            (~is_number, "“{}” is not a number: write one like 5 or 2.5."),
        ],
        "reason": [],
        "last_day": [
            (day.str.contains(_IS_DAY) & (day >= _TOO_LATE), "“{}” is after 2099: leave it empty for a rule without an end."),
            (pl.col("ends_at").is_null(), "“{}” is not a day: write it as YYYY-MM-DD."),
        ],
    }
    return [_first(name, cell_checks).alias(f"wrong.{name}") for name, cell_checks in checks.items()]


def _id_checks(name: str) -> list[tuple[pl.Expr, str]]:
    is_unknown = pl.col(f"{name}_id").is_null()
    return [
        (is_unknown & pl.col(f"ambiguous.{name}"), f"Several {name}s are called “{{}}”: write the id of one."),
        (is_unknown, f"There is no {name} “{{}}” in this store: write the id or name of one."),
    ]


def _first(name: str, checks: Sequence[tuple[pl.Expr, str]]) -> pl.Expr:
    """The sentence of the first check that a cell fails, with the cell in it; null if it is empty or fails none."""
    cell = pl.col(f"cell.{name}").str.replace_all(r"[\s\p{C}]+", " ")
    short = pl.when(cell.str.len_chars() > _MAX_QUOTED).then(cell.str.slice(0, _MAX_QUOTED) + "…").otherwise(cell)
    for_a_spreadsheet = (
        (pl.col(f"formula.{name}"), "“{}” is a formula: write the value itself."),
        (pl.col(f"tab.{name}"), "“{}” has a tab or a line break before it: write the value itself."),
    )
    return pl.coalesce(pl.when(cell.is_not_null() & fails).then(pl.format(said, short)) for fails, said in (*for_a_spreadsheet, *checks))


def _covers_nothing() -> pl.Expr:
    """The sentence for a row whose filled cells are no scope of a rule."""
    names = [pl.when(pl.col(f"cell.{name}").is_not_null()).then(pl.lit(name)) for name in _SCOPE]
    filled = pl.concat_str(names, separator=", ", ignore_nulls=True)
    advice = "fill channel and sku, sku, channel and category, category, channel, or location and sku."
    return (
        pl.when(pl.col("level").is_not_null())
        .then(None)
        .when(filled == "")
        .then(pl.lit(f"{', '.join(_SCOPE)}: all are empty: {advice}"))
        .otherwise(pl.format("{}: no rule covers just this: {}", filled, pl.lit(advice)))
    )


def _comes_again() -> pl.Expr:
    """The sentence for a row whose scope an earlier row has."""
    has_scope = pl.all_horizontal(pl.col("level").is_not_null(), *(pl.col(f"wrong.{name}").is_null() for name in _SCOPE))
    first = pl.when(has_scope).then("line_number").min().over(_KEY)
    names = pl.col("level").replace_strict({level: ", ".join(_FIELDS[field] for field in fields) for level, fields in SCOPE_FIELDS.items()})
    return pl.when(has_scope & (pl.col("line_number") > first)).then(
        pl.format("{}: line {} has a rule for exactly this already: keep one of them.", names, first)
    )


def _beside(rows: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """With the rule of the same scope: its id, its version, its amount in words, and what it says under `was.`."""
    was = rules.select(*_KEY, "rule_id", "version", *(pl.col(field).alias(f"was.{field}") for field in _SAYS))
    rows = rows.join(was, on=_KEY, how="left", nulls_equal=True, maintain_order="left")
    amounts = rows.select("was.basis", "was.amount").rows()
    before = [None if amount is None else amount_in_words(basis, amount) for basis, amount in amounts]
    end, end_was = pl.col("ends_at"), pl.col("was.ends_at")
    # A rule may end within a day, which a file cannot say: the same last day leaves its end alone.
    kept = pl.when((end - end_was).is_between(0, _DAY - 1)).then(end_was).otherwise(end)
    return rows.with_columns(pl.Series("before", before, dtype=pl.String), ends_at=kept)


def _is_same() -> pl.Expr:
    is_sound = [pl.col(f"wrong.{name}").is_null() for name in ("scope", *COLUMNS)]
    as_before = [pl.col(field).eq_missing(pl.col(f"was.{field}")) for field in _SAYS]
    return pl.all_horizontal(pl.col("rule_id").is_not_null(), *is_sound, *as_before)


def _said(rows: pl.DataFrame, now: int) -> pl.DataFrame:
    """What is wrong with each row as the draft of a rule: the sentences of `problems`, under `said.` and the column."""
    sentences_by_row = [{} if row[0] is None else problems(RuleDraft(*row), now) for row in rows.select("level", *_FIELDS).rows()]
    columns = {f"said.{name}": [sentences.get(field) for sentences in sentences_by_row] for field, name in _FIELDS.items()}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _problem() -> pl.Expr:
    """All that is wrong with a row. A rule that stays as it is, is not checked as a draft: it may have ended."""
    said = {name: pl.when(~pl.col("is_same")).then(f"said.{name}") for name in COLUMNS}
    by_column = [pl.concat_str(pl.lit(f"{name}: "), pl.coalesce(f"wrong.{name}", said[name])) for name in COLUMNS]
    sentences = pl.concat_str("wrong.scope", *by_column, separator=" ", ignore_nulls=True)
    return pl.coalesce("wrong.row", pl.when(sentences != "").then(sentences))


def _outcome() -> pl.Expr:
    return (
        pl.when(pl.col("problem").is_not_null())
        .then(pl.lit("refused"))
        .when("is_same")
        .then(pl.lit("same"))
        .when(pl.col("rule_id").is_null())
        .then(pl.lit("new"))
        .otherwise(pl.lit("change"))
    )
