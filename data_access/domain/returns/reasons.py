"""Why things come back: the taxonomy of reasons, and which of them a channel's code or a customer's words mean.

All of it is data, in `reasons.toml`; `docs/returns.md` explains every key. The channel's own code and the customer's words are never
changed: a reason is what the rules of today make of them, so a new rule holds for the whole history at once.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, get_args

import polars as pl

from data_access.errors import InvalidInput

Party = Literal["product", "listing", "warehouse", "carrier", "customer", "unknown"]
PARTIES: Final[tuple[Party, ...]] = get_args(Party)
NOT_OURS: Final[tuple[Party, ...]] = ("customer", "unknown")
"""Parties whose returns a seller cannot prevent: all others are seller-controllable."""

COMMON: Final = "*"
NONE_GIVEN: Final = "none_given"
UNMAPPED: Final = "unmapped"
"""What no rule knows. It is no reason of the taxonomy: it is counted and listed until a person maps the code."""

RULES: Final = ("own", "feed", "marketplace", "common", "words", "none", "unknown")
"""Which rule gave a reason: a person's, the feed's own, the marketplace's list, the common list, the customer's words; nothing was
given; no rule knows the code.
"""

GIVEN: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "marketplace": pl.String,  # null: a channel of its own
        "reason_code": pl.String,  # the channel's own, as written
        "return_reason": pl.String,  # the feed's
        "customer_note": pl.String,
    }
)
OWN: Final = pl.Schema({"channel_id": pl.String, "code_key": pl.String, "means": pl.String})
"""What people decided that a channel's code means."""

RESOLVED: Final = pl.Schema({"reason": pl.String, "detail": pl.String, "party": pl.String, "rule": pl.String})

_GRADES: Final = ("A", "B", "C")
_REASON_KEYS: Final = {"id", "name", "party", "details"}
_CODES_KEYS: Final = {"marketplace", "source", "as_of", "grade", "means"}


@dataclass(frozen=True, slots=True)
class ReasonDetail:
    """A reason, or a finer one below it. `ref`: "late" or "late.never_arrived", by which rules name it."""

    ref: str
    reason: str
    detail: str | None
    name: str
    party: Party


@dataclass(frozen=True, slots=True)
class CodeList:
    """What a marketplace's codes mean: `means` by the key of a code. `source`, `as_of` and `grade` say how sure it is."""

    marketplace: str
    prefixes: tuple[str, ...]
    source: str
    as_of: date
    grade: str
    means: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WordRule:
    """What it means if a customer's text matches a pattern."""

    means: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All reasons by `ref`, in their order; lists of codes; rules for words, the first that matches wins."""

    reasons: Mapping[str, ReasonDetail]
    codes: tuple[CodeList, ...]
    words: tuple[WordRule, ...]

    def frame(self) -> pl.DataFrame:
        """means, reason, detail, party, name: the reasons, and what no rule knows."""
        rows = [(one.ref, one.reason, one.detail, one.party, one.name) for one in self.reasons.values()]
        rows.append((UNMAPPED, UNMAPPED, None, "unknown", "Not mapped"))
        return pl.DataFrame(rows, dict.fromkeys(("means", "reason", "detail", "party", "name"), pl.String), orient="row")

    def listed(self) -> pl.DataFrame:
        """marketplace, code_key, means: all codes of all lists."""
        rows = [(one.marketplace, code, means) for one in self.codes for code, means in one.means.items()]
        return pl.DataFrame(rows, dict.fromkeys(("marketplace", "code_key", "means"), pl.String), orient="row")

    def prefixes(self) -> list[tuple[str, str]]:
        """Marketplaces and the prefixes that their codes may have."""
        return [(one.marketplace, prefix) for one in self.codes for prefix in one.prefixes]


@cache
def taxonomy() -> Taxonomy:
    """The one that comes with OnHand."""
    return load(resources.files("data_access.domain.returns").joinpath("reasons.toml").read_text("utf-8"))


def load(text: str) -> Taxonomy:
    """A taxonomy from a text of TOML.

    Raises:
        InvalidInput: it is not TOML, or something in it cannot be; the sentence says where.

    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The list of return reasons is not readable TOML: {error}.") from error
    if unknown := set(raw) - {"reason", "codes", "words"}:
        raise InvalidInput(f"The list of return reasons has {sorted(unknown)[0]!r}: it consists of [[reason]], [[codes]] and [[words]].")
    reasons = {one.ref: one for row in raw.get("reason", []) for one in _reasons(row)}
    if NONE_GIVEN not in reasons:
        raise InvalidInput(f"The list of return reasons lacks the reason {NONE_GIVEN!r}: add it.")
    codes = tuple(_codes(row, reasons) for row in raw.get("codes", []))
    words = tuple(_words(row, reasons) for row in raw.get("words", []))
    return Taxonomy(reasons, codes, words)


def _reasons(row: Mapping[str, Any]) -> Iterable[ReasonDetail]:
    where = f"The return reason {row.get('id')!r}"
    _keys(where, row, _REASON_KEYS, {"id", "name", "party"})
    yield _reason(where, row, None, row["party"])
    for detail in row.get("details", []):
        inner = f"{where}, detail {detail.get('id')!r},"
        _keys(inner, detail, {"id", "name", "party"}, {"id", "name"})
        yield _reason(inner, detail, row["id"], detail.get("party", row["party"]))


def _reason(where: str, row: Mapping[str, Any], above: str | None, party: str) -> ReasonDetail:
    if party not in PARTIES:
        raise InvalidInput(f"{where} has the party {party!r}: use one of {', '.join(PARTIES)}.")
    if not re.fullmatch(r"[a-z_]+", str(row["id"])) or row["id"] == UNMAPPED:
        raise InvalidInput(f"{where} has an id that cannot be: use small letters and _.")
    ref = row["id"] if above is None else f"{above}.{row['id']}"
    return ReasonDetail(ref, above or row["id"], None if above is None else row["id"], str(row["name"]), party)


def _codes(row: Mapping[str, Any], reasons: Mapping[str, ReasonDetail]) -> CodeList:
    where = f"The list of codes of {row.get('marketplace')!r}"
    _keys(where, row, _CODES_KEYS | {"prefixes"}, _CODES_KEYS)
    if row["grade"] not in _GRADES:
        raise InvalidInput(f"{where} has the grade {row['grade']!r}: use A, B or C.")
    means: dict[str, str] = {}
    for ref, codes in row["means"].items():
        _known(where, ref, reasons)
        for code in codes:
            key = key_of(code)
            if key in means:
                raise InvalidInput(f"{where} has the code {code!r} twice: keep one.")
            means[key] = ref
    prefixes = tuple(str(prefix) for prefix in row.get("prefixes", ()))
    return CodeList(str(row["marketplace"]), prefixes, str(row["source"]), row["as_of"], row["grade"], means)


def _words(row: Mapping[str, Any], reasons: Mapping[str, ReasonDetail]) -> WordRule:
    where = f"The rule of words for {row.get('means')!r}"
    _keys(where, row, {"means", "any"}, {"means", "any"})
    _known(where, row["means"], reasons)
    parts = [re.escape(word.removesuffix("*")) + ("" if word.endswith("*") else r"\b") for word in row["any"]]
    return WordRule(row["means"], rf"(?i)\b(?:{'|'.join(parts)})")


def _known(where: str, ref: str, reasons: Mapping[str, ReasonDetail]) -> None:
    if ref not in reasons:
        raise InvalidInput(f"{where} means {ref!r}, which is no reason: use one of {', '.join(reasons)}.")


def _keys(where: str, row: Mapping[str, Any], possible: set[str], needed: set[str]) -> None:
    if missing := needed - set(row):
        raise InvalidInput(f"{where} lacks {sorted(missing)[0]!r}: add it.")
    if unknown := set(row) - possible:
        raise InvalidInput(f"{where} has {sorted(unknown)[0]!r}, which is not known: use {', '.join(sorted(possible))}.")


def key_of(code: str) -> str:
    """By what a code is compared: capitals, and "_" for every run of other characters than letters and digits."""
    return re.sub(r"[\W_]+", "_", code.upper()).strip("_")


def code_key(code: pl.Expr) -> pl.Expr:
    """`key_of` of a column."""
    return code.str.to_uppercase().str.replace_all(r"[\W_]+", "_").str.strip_chars("_")


def resolve(given: pl.DataFrame, own: pl.DataFrame, by: Taxonomy) -> pl.DataFrame:
    """`GIVEN` with the columns of `RESOLVED`, and `code_key`; rows stay in their order.

    In turn: what people decided (`OWN`); what the feed itself says, if it is a reason; the marketplace's list; the common list; what the
    customer wrote, where all that is known is that no reason, or another one, was given.
    """
    kinds = ["channel_id", "marketplace", "reason_code", "return_reason"]
    ruled = _by_code(given.select(kinds).unique(), own, by)
    rows = given.join(ruled, on=kinds, how="left", nulls_equal=True, maintain_order="left")
    asks = rows["means"].str.starts_with(NONE_GIVEN) & rows["customer_note"].is_not_null()
    if asks.any():
        wordless: pl.Expr = pl.lit(None, pl.String)
        for rule in reversed(by.words):
            wordless = pl.when(pl.col("customer_note").str.contains(rule.pattern)).then(pl.lit(rule.means)).otherwise(wordless)
        notes = rows.filter(asks).select("customer_note").unique().with_columns(wanted=wordless).drop_nulls()
        rows = rows.join(notes, on="customer_note", how="left", maintain_order="left")
        says = asks & rows["wanted"].is_not_null()
        rows = rows.with_columns(
            means=pl.when(says).then("wanted").otherwise("means"), rule=pl.when(says).then(pl.lit("words")).otherwise("rule")
        ).drop("wanted")
    return rows.join(by.frame().drop("name"), on="means", how="left", maintain_order="left").select(
        *given.columns, *RESOLVED.names(), "code_key"
    )


def _by_code(kinds: pl.DataFrame, own: pl.DataFrame, by: Taxonomy) -> pl.DataFrame:
    """The distinct codes with `code_key`, `means` and `rule`."""
    rows = kinds.with_columns(
        code_key=code_key(pl.coalesce("reason_code", "return_reason")), feeds=pl.col("return_reason").str.to_lowercase()
    )
    short = pl.col("code_key")
    for marketplace, prefix in by.prefixes():
        short = pl.when(pl.col("marketplace") == marketplace).then(short.str.strip_prefix(prefix)).otherwise(short)
    listed = by.listed()
    common = listed.filter(pl.col("marketplace") == COMMON).select("code_key", common="means")
    joined = (
        rows.with_columns(short=short)
        .join(own.rename({"means": "own"}), on=["channel_id", "code_key"], how="left")
        .join(listed.rename({"means": "listed"}), left_on=["marketplace", "short"], right_on=["marketplace", "code_key"], how="left")
        .join(common, left_on="short", right_on="code_key", how="left")
    )
    is_feeds = pl.col("feeds").is_in(list(by.reasons))
    is_known = (("own", pl.col("own").is_not_null()), ("feed", is_feeds), ("marketplace", pl.col("listed").is_not_null()))
    means = pl.coalesce("own", pl.when(is_feeds).then("feeds"), "listed", "common")
    rule = pl.when(pl.col("common").is_not_null()).then(pl.lit("common")).otherwise(pl.lit("unknown"))
    for name, holds in reversed(is_known):
        rule = pl.when(holds).then(pl.lit(name)).otherwise(rule)
    is_empty = pl.col("code_key").fill_null("") == ""
    return joined.select(
        *kinds.columns,
        "code_key",
        means=pl.when(is_empty).then(pl.lit(NONE_GIVEN)).otherwise(pl.coalesce(means, pl.lit(UNMAPPED))),
        rule=pl.when(is_empty).then(pl.lit("none")).otherwise(rule),
    )
