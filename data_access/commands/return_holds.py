"""SKUs that are held at inspection: nobody puts returned units of them back for sale until that is lifted.

Checked, audited, versioned.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain.permissions import Permission
from data_access.errors import Refused
from data_access.schema.catalog import product
from data_access.schema.returns import return_hold
from data_access.write.audited_edits import Audited
from data_access.write.audited_rows import AuditedRows
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

PERMISSION: Final[Permission] = "set return rules"
MOST_WHY: Final = 200
_HOLDS: Final = AuditedRows(Audited("return_hold", "hold", ("sku", "why")), return_hold, ("sku",), "returns")


def hold(engine: Engine, sku: str, why: str, actor: str, version: int | None = None) -> int:
    """Hold a SKU at inspection; the hold's id. `why`: what the inspector reads. `version`: of the hold as the person saw it, None if none.

    Raises:
        Forbidden: the actor may not set return rules.
        Refused: a field is wrong, at place 0.
        ChangedMeanwhile: it was held or changed since the person saw it.

    """

    def edit(unit: UnitOfWork) -> int:
        _HOLDS.take_turn(unit.connection)
        refusals = {}
        if unit.connection.execute(sa.select(product.c.sku).where(product.c.sku == sku)).first() is None:
            refusals["sku"] = f"There is no SKU “{sku}” in this store: write it as in your catalogue."
        if not 0 < len(why.strip()) <= MOST_WHY:
            refusals["why"] = f"Say why, for the inspector to read, in at most {MOST_WHY} characters."
        if refusals:
            raise Refused({0: refusals})
        return _HOLDS.save(unit, ("hold_returns", None), version, {"sku": sku, "why": why.strip()})

    return work(engine, actor, PERMISSION, edit, rows=2)


def lift(engine: Engine, hold_id: int, version: int, actor: str) -> None:
    """Lift a hold.

    Raises:
        Forbidden: the actor may not set return rules.
        ChangedMeanwhile: it was changed or lifted since the person saw it.

    """

    def edit(unit: UnitOfWork) -> None:
        _HOLDS.take_turn(unit.connection)
        _HOLDS.remove(unit, ("lift_hold", None), hold_id, version)

    work(engine, actor, PERMISSION, edit, rows=2)
