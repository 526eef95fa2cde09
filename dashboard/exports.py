"""Frames as files for people: CSV and XLSX, with whatever a spreadsheet could take for a formula made harmless.

In both, the first row holds the column names, times are ISO 8601 text in UTC, days YYYY-MM-DD, lists are joined by "; ", and numbers
stay numbers. In CSV, a text that could be a formula gets an apostrophe before it (`spreadsheets`); in XLSX, texts are written as
strings, which are never formulas.
"""

import io
from typing import Any, Final

import polars as pl
import xlsxwriter

from data_access.errors import InvalidInput
from data_access.spreadsheets import harmless

XLSX_ROWS: Final = 1_048_575  # without the header; the format holds no more
XLSX_TEXT: Final = 32_767  # characters a cell holds


def to_csv(frame: pl.DataFrame) -> bytes:
    """The frame as CSV: UTF-8 with a byte order mark, so that spreadsheets read it right."""
    plain = _plain(frame)
    texts = [name for name, dtype in plain.schema.items() if dtype == pl.String]
    safe = plain.with_columns(harmless(pl.col(name)) for name in texts)
    names = pl.Series(safe.columns, dtype=pl.String).to_frame("name").select(harmless(pl.col("name"))).to_series()
    return safe.rename(dict(zip(safe.columns, names, strict=True))).write_csv(include_bom=True).encode()


def to_xlsx(frame: pl.DataFrame, sheet: str = "OnHand") -> bytes:
    """The frame as an Excel workbook of one sheet, the header frozen. A text beyond what a cell holds is cut.

    Raises:
        InvalidInput: more rows than the format holds.

    """
    if frame.height > XLSX_ROWS:
        raise InvalidInput(f"{frame.height:,} rows are more than a workbook holds ({XLSX_ROWS:,}): narrow the filter, or download CSV.")
    plain = _plain(frame)
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        page = book.add_worksheet(sheet)
        bold = book.add_format({"bold": True})
        page.freeze_panes(1, 0)
        for column, (name, dtype) in enumerate(plain.schema.items()):
            page.write_string(0, column, name, bold)
            write = page.write_string if dtype == pl.String else page.write_boolean if dtype == pl.Boolean else page.write_number
            for row, value in enumerate(plain[name], start=1):
                if value is not None:
                    write(row, column, _fitting(value))
    return buffer.getvalue()


def _fitting(value: Any) -> Any:
    return value[:XLSX_TEXT] if isinstance(value, str) else value


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with only texts, numbers and booleans; what is not a number is empty."""
    return frame.select(_plain_column(name, dtype) for name, dtype in frame.schema.items())


def _plain_column(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ" if dtype.time_zone else "%Y-%m-%dT%H:%M:%S%.6f")
    if isinstance(dtype, pl.List):
        return column.list.eval(pl.element().cast(pl.String)).list.join("; ")
    if dtype.is_float():
        return pl.when(column.is_finite()).then(column).alias(name)
    if dtype.is_integer() or dtype in (pl.Boolean, pl.String):
        return column
    return column.cast(pl.String)
