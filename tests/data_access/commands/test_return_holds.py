"""Holding a SKU at inspection: by who may, with the version that was seen; a refused one changes nothing."""

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.people import add_user
from data_access.commands.return_holds import hold, lift
from data_access.errors import ChangedMeanwhile, Forbidden, OnHandError, Refused
from data_access.queries.returns.picture import holds
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.events.test_ingest import rows_of_everything
from tests.data_access.import_files import table
from tests.data_access.small_company import make_company


@pytest.fixture
def shop(store: Engine) -> Engine:
    make_company(store)
    for name, role in (("mara", "manager"), ("olga", "ops")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def test_a_sku_is_held_the_reason_is_changed_and_the_hold_lifted(shop: Engine) -> None:
    one = hold(shop, "A", " it leaks ", "mara")
    assert hold(shop, "A", "it leaks badly", "mara", 1) == one
    assert holds(shop).rows() == [(one, "A", "it leaks badly", 2)]
    before = rows_of_everything(shop)
    with pytest.raises(ChangedMeanwhile, match="mara changed the hold meanwhile"):
        hold(shop, "A", "again", "mara")
    with pytest.raises(ChangedMeanwhile):
        lift(shop, one, 1, "mara")
    assert rows_of_everything(shop) == before
    lift(shop, one, 2, "mara")
    assert holds(shop).is_empty()
    with pytest.raises(ChangedMeanwhile, match="mara removed the hold meanwhile"):
        lift(shop, one, 2, "mara")
    actions = table(shop, "select action, actor from audit_entry where entity = 'return_hold' order by at, id")
    assert actions == [("hold_returns", "mara"), ("hold_returns", "mara"), ("lift_hold", "mara")]


@pytest.mark.parametrize(
    ("sku", "why", "actor", "error", "sentence"),
    [
        ("NONE", "it leaks", "mara", Refused, "There is no SKU “NONE” in this store"),
        ("A", " ", "mara", Refused, "Say why, for the inspector to read, in at most 200 characters"),
        ("A", "x" * 201, "mara", Refused, "Say why"),
        ("A", "it leaks", "olga", Forbidden, "may not set return rules"),
    ],
)
def test_a_hold_that_cannot_be_is_refused(shop: Engine, sku: str, why: str, actor: str, error: type[OnHandError], sentence: str) -> None:
    before = rows_of_everything(shop)
    with pytest.raises(error, match=sentence):
        hold(shop, sku, why, actor)
    assert rows_of_everything(shop) == before
