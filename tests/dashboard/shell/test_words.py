from datetime import UTC, datetime

import pytest

from dashboard.shell import words
from data_access.domain.availability import RULES
from data_access.queries.stock import STATES


def test_every_state_and_rule_has_its_words() -> None:
    assert set(words.STATE_LABELS) == set(words.STATE_ICONS) == set(STATES)
    assert set(words.RULES) == set(RULES)
    assert words.state("oversell") == "⚠ About to oversell"
    assert words.rule("kit component", "DESK-1") == "DESK-1 decides, the kit's scarcest component"
    assert words.rule(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words_shown"),
    [(None, "no data yet"), (-3.0, "0 s"), (59.4, "59 s"), (60.0, "1 min"), (3_599.0, "59 min"), (3_600.0, "1 h"), (172_800.0, "2 days")],
)
def test_an_age_is_told_in_the_largest_unit_that_says_enough(seconds: float | None, words_shown: str) -> None:
    assert words.age(seconds) == words_shown


def test_numbers_and_moments() -> None:
    assert [words.units(value) for value in (None, 0, -1_234)] == ["—", "0", "-1,234"]
    assert [words.counted(value, "unit") for value in (1, 2)] == ["1 unit", "2 units"]
    assert words.moment(datetime(2026, 11, 23, 9, 5, tzinfo=UTC)) == "2026-11-23 09:05:00"


def test_nothing_in_a_text_is_read_as_markdown() -> None:
    assert words.plain("a*b_[x](y)") == "a\\*b\\_\\[x\\]\\(y\\)"
    assert words.plain("1. <b> & $x$ ~~`") == "1\\. \\<b> \\& \\$x\\$ \\~\\~\\`"
    assert [words.plain(f"{start}x") for start in "-+>#=|:"] == ["\\-x", "\\+x", "\\>x", "\\#x", "\\=x", "\\|x", "\\:\u2060x"]
    assert words.plain(" one\n\n    two\t") == "one two"


def test_what_is_looked_for_after_parsing_is_parted() -> None:
    assert words.plain("http://a https://b www.c d@e") == "http\\:\u2060//a https\\:\u2060//b w\u2060ww.c d@\u2060e"
    assert words.plain("x :tada: :100: :material/home:") == "x \\:\u2060tada: \\:\u2060100: \\:\u2060material/home:"
    assert words.plain("a -> b") == "a -\u2060> b"
    assert words.plain("Amount: at 10:00:00, a->b") == "Amount: at 10:00:00, a->b"


def test_nothing_in_a_text_is_read_by_a_chart() -> None:
    assert words.in_chart("<b>&lt;\n$x$ %{y}") == "&lt;b&gt;&amp;lt; &#36;x&#36; %\u2060{y}"
