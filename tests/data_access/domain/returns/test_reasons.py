"""Reasons of returns: what comes with OnHand, which rule decides, and what is refused."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.returns.reasons import (
    COMMON,
    GIVEN,
    NONE_GIVEN,
    NOT_OURS,
    OWN,
    PARTIES,
    RESOLVED,
    RULES,
    UNMAPPED,
    code_key,
    key_of,
    load,
    resolve,
    taxonomy,
)
from data_access.errors import InvalidInput

REASONS = [
    *("product_fault", "not_as_described", "size_or_fit", "damaged_in_transit", "wrong_item"),
    *("late", "changed_mind", "undeliverable", "abuse", "none_given"),
]
ROW = """
[[reason]]
id = "none_given"
name = "None given"
party = "unknown"
[[codes]]
marketplace = "m"
source = "s"
as_of = 2026-11-29
grade = "A"
means = { none_given = ["A B"] }
[[words]]
means = "none_given"
any = ["nothing"]
"""


def resolved(*rows: tuple[str, str | None, str | None, str | None, str | None], own: tuple[tuple[str, str, str], ...] = ()) -> list[object]:
    frame = resolve(pl.DataFrame(rows, GIVEN, orient="row"), pl.DataFrame(own, OWN, orient="row"), taxonomy())
    assert frame.columns == [*GIVEN.names(), *RESOLVED.names(), "code_key"]
    return frame.select("reason", "detail", "party", "rule").rows()


def test_the_reasons_that_come_with_it() -> None:
    known = taxonomy()
    assert [ref for ref, one in known.reasons.items() if one.detail is None] == REASONS
    assert {one.party for one in known.reasons.values()} == set(PARTIES)
    assert [one.marketplace for one in known.codes] == ["amazon", "ebay", "shopify", COMMON]
    assert set(NOT_OURS) < set(PARTIES)
    assert known.frame()["means"].to_list() == [*known.reasons, UNMAPPED]


@pytest.mark.parametrize(
    ("channel", "code", "reason"),
    [
        (("a", "amazon"), "CR-DEFECTIVE", ("product_fault", "defective", "product", "marketplace")),
        (("a", "amazon"), "AMZ-PG-APP-TOO-SMALL", ("size_or_fit", "too_small", "listing", "marketplace")),
        (("a", "amazon"), "UNDELIVERABLE_REFUSED", ("undeliverable", "refused", "customer", "marketplace")),
        (("a", "amazon"), "DAMAGED_BY_FC", ("damaged_in_transit", "before_shipping", "warehouse", "marketplace")),
        (("e", "ebay"), "ARRIVED_LATE", ("late", None, "carrier", "marketplace")),
        (("s", "shopify"), "size too large", ("size_or_fit", "too_large", "listing", "marketplace")),
        (("s", None), "Too  late ", ("late", None, "carrier", "common")),
        (("a", "amazon"), "too late", ("late", None, "carrier", "common")),
        (("s", None), "CR-DEFECTIVE", (UNMAPPED, None, "unknown", "unknown")),
        (("s", None), " - ", (NONE_GIVEN, None, "unknown", "none")),
        (("s", None), None, (NONE_GIVEN, None, "unknown", "none")),
    ],
)
def test_what_a_code_means(channel: tuple[str, str | None], code: str | None, reason: tuple[str, ...]) -> None:
    assert resolved((*channel, code, None, None)) == [reason]


def test_which_rule_comes_first() -> None:
    row, own = ("s", "shopify", "DEFECTIVE", "late", "too small"), (("s", "DEFECTIVE", "wrong_item"),)
    assert resolved(row, own=own) == [("wrong_item", None, "warehouse", "own")]
    assert resolved(row) == [("late", None, "carrier", "feed")]
    assert resolved((*row[:3], "our word", row[4])) == [("product_fault", "defective", "product", "marketplace")]
    assert resolved((*row[:3], None, row[4])) == [("product_fault", "defective", "product", "marketplace")]
    assert resolved(("other", *row[1:]), own=own) == [("late", None, "carrier", "feed")]


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("It is far TOO small for me", ("size_or_fit", "too_small", "listing", "words")),
        ("leider zu groß", ("size_or_fit", "too_large", "listing", "words")),
        ("defekt angekommen", ("product_fault", "defective", "product", "words")),
        ("the heartbroken rest", (NONE_GIVEN, "other", "unknown", "marketplace")),
        ("too small and broken", ("size_or_fit", "too_small", "listing", "words")),
    ],
)
def test_words_are_asked_where_no_code_says_why(note: str, reason: tuple[str, ...]) -> None:
    assert resolved(("s", "shopify", "OTHER", None, note)) == [reason]
    assert resolved(("s", "shopify", "UNWANTED", None, note)) == [("changed_mind", None, "customer", "marketplace")]


def test_without_rows_nothing_is_resolved() -> None:
    assert resolved() == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, "amazon", "x"]), *[st.none() | st.text(max_size=8)] * 3)))
def test_every_row_keeps_its_place_and_gets_one_reason(rows: list[tuple[str, str | None, str | None, str | None, str | None]]) -> None:
    known, frame = taxonomy(), pl.DataFrame(rows, GIVEN, orient="row")
    result = resolve(frame, OWN.to_frame(), known)
    assert result.select(GIVEN.names()).rows() == frame.rows()
    assert set(result["reason"]) <= {*REASONS, UNMAPPED}
    assert set(result["rule"]) <= set(RULES)
    assert result.select(*RESOLVED.names()).drop("detail").null_count().sum_horizontal().sum() == 0


@given(st.text(st.characters(max_codepoint=127)))
def test_codes_are_compared_alike_in_lists_and_in_columns(code: str) -> None:
    key = pl.DataFrame({"code": [code]}).select(code_key(pl.col("code"))).item()
    assert key == key_of(code) == key_of(key)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[[words]]", "[words", "not readable TOML"),
        ("[[words]]", "[[word]]", "has 'word': it consists of"),
        ('id = "none_given"', 'id = "no"', "lacks the reason 'none_given'"),
        ('id = "none_given"', 'id = "None given"', "an id that cannot be"),
        ('party = "unknown"', 'party = "me"', "has the party 'me': use one of product"),
        ('name = "None given"', "", "lacks 'name'"),
        ('source = "s"', "", "lacks 'source'"),
        ('source = "s"', 'source = "s"\nfrom = 1', "has 'from', which is not known"),
        ('grade = "A"', 'grade = "D"', "has the grade 'D'"),
        ('["A B"]', '["A B", "a-b"]', "has the code 'a-b' twice"),
        ("{ none_given", "{ nothing", "means 'nothing', which is no reason"),
        ('means = "none_given"', 'means = "late"', "means 'late', which is no reason"),
        ('any = ["nothing"]', "", "lacks 'any'"),
    ],
)
def test_a_list_that_cannot_be_is_refused(old: str, new: str, sentence: str) -> None:
    load(ROW)
    with pytest.raises(InvalidInput, match=sentence.replace("[", r"\[")):
        load(ROW.replace(old, new, 1))
