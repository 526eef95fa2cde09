"""A slow, obvious reader of delimited text, independent of the one under test: letter by letter, into plain Python lists and counts."""

from collections import Counter

Fact = tuple[str, str, int]
"""Order, SKU, quantity: what must never change."""


def records(text: str, delimiter: str) -> list[list[str]]:
    """The records of a well-formed text: a field that begins with a quote ends with the next single one; empty lines are none."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n") + "\n"
    rows: list[list[str]] = []
    row: list[str] = []
    cell, place, is_quoted = "", 0, False
    while place < len(text):
        letter = text[place]
        if is_quoted and text[place : place + 2] == '""':
            cell += '"'
            place += 1
        elif is_quoted and letter != '"':
            cell += letter
        elif letter == '"' and (is_quoted or not cell):
            is_quoted = not is_quoted
        elif letter == delimiter:
            row.append(cell)
            cell = ""
        elif letter == "\n":
            row.append(cell)
            if row != [""]:
                rows.append(row)
            row, cell = [], ""
        else:
            cell += letter
        place += 1
    return rows


def facts(text: str, delimiter: str) -> Counter[Fact]:
    """How often a well-formed text says each order, SKU and quantity, in its columns of these names."""
    header, *rows = records(text, delimiter)
    said = [dict(zip(header, row, strict=True)) for row in rows]
    return Counter((row["order"].strip(), row["sku"].strip(), int(row["qty"])) for row in said)
