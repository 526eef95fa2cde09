"""Frames as files for people: CSV and XLSX, with whatever a spreadsheet could take for a formula made harmless."""

import polars as pl


def to_csv(frame: pl.DataFrame) -> bytes:
    """The frame as CSV (UTF-8 with a byte order mark, so that spreadsheets read it right)."""
    raise NotImplementedError


def to_xlsx(frame: pl.DataFrame, sheet: str = "OnHand") -> bytes:
    """The frame as an Excel workbook of one sheet."""
    raise NotImplementedError
