"""One rerun of a page is of one moment: what comes in while it draws is not mixed into it, and is there in the next."""

from typing import Any

from sqlalchemy.engine import Engine
from streamlit.testing.v1 import AppTest

from dashboard.shell import reads
from data_access.events.ingest import ingest
from tests.dashboard.shell.data.test_poller import until
from tests.dashboard.test_reads import company, serve
from tests.data_access.queries.busy_company import sale

__all__ = ["company", "serve"]


def page(happens, drawn):  # type: ignore[no-untyped-def]  # its text alone is run, without the imports of this module
    """A page that reads stock, lets something happen, reads more stock, and then the rows behind it."""
    from dashboard.shell import reads
    from data_access.queries.stock import StockFilter

    def figures() -> list[object]:
        table = reads.stock_table(StockFilter("web")).filter(sku="A")
        return [reads.version("stock"), reads.availability("A")["available_to_sell"].to_list(), table["available_to_sell"].item()]

    reads.take_moment()
    first = figures()
    for one in happens:
        one()
    drawn.append((first, figures(), reads.kpis(StockFilter())["value"].to_list(), reads.open_lines("A")["units"].sum()))


def test_what_comes_in_while_a_page_draws_is_shown_by_its_next_run(company: Engine) -> None:
    happens, drawn = [], list[Any]()

    def sell() -> None:
        before = reads.latest_versions()["stock"]
        ingest(company, [sale(60, "web", "A", 5, 20)])
        until(lambda: reads.latest_versions()["stock"] != before)

    happens.append(sell)
    shown = AppTest.from_function(page, kwargs={"happens": happens, "drawn": drawn}).run(timeout=60)
    assert not shown.exception
    happens.clear()
    shown.run(timeout=60)
    assert not shown.exception
    (first, rest, kpis, _), (then, then_too, then_kpis, lines) = drawn
    assert rest == first == [first[0], [0, 8], 8]
    assert kpis == [29, 15, 13, 2, 0]
    assert then == then_too == [first[0] + 1, [0, 3], 3]
    assert (then_kpis, lines) == ([29, 10, 18, 2, 0], 16)
