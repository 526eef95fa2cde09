"""Many rows at once."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.engine import reading, writing
from data_access.schema.catalog import product
from data_access.write.bulk import in_values, insert_rows


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 199, 200, 201, 439])
def test_every_row_is_inserted_once_and_in_its_order(store: Engine, count: int) -> None:
    rows = [(f"A-{number}", f'"{number}"\t\\', "c") for number in range(count)]
    with writing(store) as connection:
        insert_rows(connection, product, ("sku", "name", "category"), rows)
    with reading(store) as connection:
        stored = [tuple(row) for row in connection.execute(sa.select(product.c.sku, product.c.name, product.c.category))]
        one = connection.execute(sa.select(product.c.name).where(in_values(connection, product.c.sku, ["A-7", "none"]))).scalars().all()
    assert sorted(stored) == sorted(rows)
    assert one == (['"7"\t\\'] if count > 7 else [])
