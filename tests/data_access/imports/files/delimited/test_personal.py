"""Names, addresses and e-mail of buyers are not kept with rows that go to the inbox, unless the mapping reads them."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from data_access.imports.files.delimited.personal import masked_of
from data_access.imports.files.delimited.records import Form
from data_access.imports.files.mapping_parts import FilePart
from data_access.imports.files.reader import read_records
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import import_orders
from data_access.queries import inbox
from tests.data_access.import_files import HEADER, figures, mapping, one, row, write


@pytest.mark.parametrize(
    "name",
    [
        *("Email", "buyer-email", "E-Mail-Adresse", "Billing Name", "Shipping Address1", "ship-address-1", "Shipping Street", "Buyer Name"),
        *("recipient-name", "ship-phone-number", "Ship To Phone", "ship-postal-code", "Shipping Zip", "PLZ", "Vorname", "customer_name"),
    ],
)
def test_columns_that_say_something_of_persons(name: str) -> None:
    masked = masked_of(["order", name], [0], Form())
    assert masked is not None
    assert masked('1,"a, b"') == "1,(not kept)"
    assert masked("1,") == "1,"
    assert masked("1,a,b ann@example.org") == "1,a,b (not kept)"
    assert masked_of(["order", name], [0, 1], Form()) is None


@pytest.mark.parametrize("name", ["Name", "sku", "Shipping Method", "ship-country", "Lineitem name", "title", "status", "product name"])
def test_columns_that_say_nothing_of_persons(name: str) -> None:
    assert masked_of(["order", name], [0], Form()) is None


def test_what_is_not_asked_for_is_not_stored_and_rows_come_back(store: Engine, tmp_path: Path) -> None:
    rows = [f"{row('1', 'a', 'MUG', 'x')},ann@example.org,1 High St", f"{row('2', 'a', 'MUG')},bob@example.org,"]
    path = write(tmp_path / "orders.csv", f"{HEADER},Buyer Email,Ship Address", *rows)
    assert figures(import_orders(store, path, mapping(tmp_path))) == (2, 1, 0, 0, 1)
    assert one(store, "select content from inbox_item") == f"{row('1', 'a', 'MUG', 'x')},(not kept),(not kept)"
    again = path.rename(tmp_path / "again.csv")
    assert figures(import_orders(store, again, mapping(tmp_path))) == (2, 0, 0, 1, 1)
    assert inbox.items(store).height == 1
    export_rows(store, None, tmp_path / "out.csv")
    (tmp_path / "out.csv").write_text((tmp_path / "out.csv").read_text().replace(",x,", ",3,"))
    assert figures(import_orders(store, tmp_path / "out.csv", mapping(tmp_path))) == (1, 1, 0, 0, 0)
    assert inbox.items(store).is_empty()


def test_the_rows_themselves_are_read_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "a,email", "1,x@y.zz")
    assert read_records(path, FilePart(), ["a", "email"]).texts(0) == "1,x@y.zz"
    assert read_records(path, FilePart(), ["a"]).texts(0) == "1,(not kept)"
