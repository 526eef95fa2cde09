"""Which facts of a line count: the same in any order, never more than can be, and each again as soon as there is room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.domain.line_facts import (
    BEYOND_ORDERED,
    BEYOND_SHIPPED,
    CODES,
    OTHER_UNITS,
    REPEATS,
    SAME_CANCELLATION,
    SAME_PACKAGE,
    LineFact,
    is_one_package,
    judge,
)

_UNITS = st.integers(1, 4)


@st.composite
def facts(draw: st.DrawFn) -> list[LineFact]:
    """Facts of a line, of which no two are alike but for their row."""
    drawn = draw(
        st.lists(
            st.builds(
                LineFact,
                row_id=st.just(0),
                kind=st.sampled_from(("shipment", "cancellation", "return")),
                at=st.integers(0, 3),
                quantity=_UNITS,
                reference=st.sampled_from(("p1", "p2", "p3")),
                carrier=st.sampled_from((None, "DHL", "dhl", "UPS")),
                tracking_number=st.sampled_from((None, "t1", "t2")),
            ),
            max_size=8,
            unique_by=lambda fact: (fact.kind, fact.at, fact.reference, fact.quantity, fact.tie),
        )
    )
    return [
        LineFact(
            row_id=row_id,
            kind=fact.kind,
            at=fact.at,
            quantity=fact.quantity,
            reference=fact.reference,
            carrier=fact.carrier,
            tracking_number=fact.tracking_number,
        )
        for row_id, fact in enumerate(drawn)
    ]


@given(st.integers(1, 6), facts(), st.randoms())
def test_the_order_of_telling_makes_no_difference(ordered: int, line: list[LineFact], random: object) -> None:
    judgements = judge(ordered, line)
    assert set(judgements) == {fact.row_id for fact in line}
    shuffled = list(line)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(ordered, shuffled) == judgements


@given(st.integers(1, 6), facts())
def test_what_counts_can_be_and_what_does_not_could_not(ordered: int, line: list[LineFact]) -> None:
    judgements = judge(ordered, line)
    counted = [fact for fact in line if judgements[fact.row_id].code is None]
    shipped, back = (sum(fact.quantity for fact in counted if fact.kind == kind) for kind in ("shipment", "return"))
    assert shipped <= ordered
    assert back <= shipped
    packages = [fact for fact in counted if fact.kind == "shipment"]
    assert not any(is_one_package(one, other) for one in packages for other in packages if one is not other)
    cancelled = sorted((fact for fact in counted if fact.kind == "cancellation"), key=lambda fact: (fact.at, fact.reference, fact.quantity))
    assert sum(fact.quantity for fact in cancelled[:-1]) < ordered  # the last of them cancels at least one unit
    by_row = {fact.row_id: fact for fact in line}
    for fact in line:
        judgement = judgements[fact.row_id]
        assert judgement.code in (None, *CODES)
        assert (judgement.twin is not None) == (judgement.code in (*REPEATS, OTHER_UNITS))
        if judgement.twin is not None:
            twin = by_row[judgement.twin]
            assert twin.kind == fact.kind
            assert judgements[twin.row_id].code is None
        if judgement.code == SAME_PACKAGE:
            assert (twin.quantity, is_one_package(fact, twin)) == (fact.quantity, True)
        if judgement.code == OTHER_UNITS:
            assert (twin.quantity != fact.quantity, is_one_package(fact, twin)) == (True, True)
        if judgement.code == BEYOND_ORDERED:
            assert shipped + fact.quantity > ordered or any(other.quantity + fact.quantity > ordered for other in packages)
        if judgement.code == BEYOND_SHIPPED:
            assert back + fact.quantity > shipped


@given(st.integers(1, 6), facts())
def test_a_line_with_room_for_all_packages_has_them_all(ordered: int, line: list[LineFact]) -> None:
    room = ordered + sum(fact.quantity for fact in line)
    judgements = judge(room, line)
    assert BEYOND_ORDERED not in {judgement.code for judgement in judgements.values()}


def shipment(row_id: int, quantity: int, reference: str, carrier: str | None = None, number: str | None = None, at: int = 0) -> LineFact:
    return LineFact(row_id=row_id, kind="shipment", at=at, quantity=quantity, reference=reference, carrier=carrier, tracking_number=number)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("p1", None, None), ("p1", "DHL", "t1"), True),
        (("p1", "DHL", "t1"), ("p2", "dhl", "t1"), True),
        (("p1", None, "t1"), ("p2", "DHL", "t1"), True),
        (("p1", "DHL", "t1"), ("p2", "UPS", "t1"), False),
        (("p1", "DHL", "t1"), ("p2", "DHL", "t2"), False),
        (("p1", "DHL", None), ("p2", "DHL", None), False),
    ],
)
def test_a_package_is_known_by_its_reference_or_its_tracking_number(
    one: tuple[str, str | None, str | None], other: tuple[str, str | None, str | None], same: bool
) -> None:
    assert is_one_package(shipment(1, 1, *one), shipment(2, 1, *other)) is same
    assert is_one_package(shipment(2, 1, *other), shipment(1, 1, *one)) is same


def test_codes_of_a_line_of_three() -> None:
    sent = [shipment(1, 3, "p1", "DHL", "t1"), shipment(2, 3, "other", "DHL", "t1", at=1), shipment(3, 2, "p1", at=2)]
    more = [shipment(4, 1, "p2", at=3)]
    judgements = judge(3, [*sent, *more])
    assert [judgements[row].code for row in (1, 2, 3, 4)] == [None, SAME_PACKAGE, OTHER_UNITS, BEYOND_ORDERED]
    assert [judgements[row].twin for row in (1, 2, 3, 4)] == [None, 1, 1, None]


def test_all_cancellations_count_until_all_is_cancelled() -> None:
    gone = [LineFact(row_id=row, kind="cancellation", at=row, quantity=units) for row, units in enumerate((3, 3, 1, 4))]
    judgements = judge(4, gone)
    assert [judgements[row].code for row in range(4)] == [None, None, SAME_CANCELLATION, SAME_CANCELLATION]


def test_a_return_waits_for_its_shipment() -> None:
    back = LineFact(row_id=9, kind="return", at=0, quantity=2, reference="r1")
    assert judge(2, [back])[9].code == BEYOND_SHIPPED
    assert judge(2, [back, shipment(1, 2, "p1", at=5)])[9].code is None
