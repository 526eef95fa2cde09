"""Driving a page as a person would: opening, waiting until it is drawn, reading and clicking the grid."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

expect.set_options(timeout=30_000)

SERIOUS = ("serious", "critical")
SCROLLER = "[data-testid=stMain]"


def open_page(page: Page, address: str) -> None:
    """Go there and wait until all is drawn."""
    page.goto(address)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the app is connected, its script has run and nothing is a placeholder."""
    page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    page.wait_for_selector("h1")
    page.wait_for_selector("[data-test-script-state=notRunning]")
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")


def choose(page: Page, key: str, option: str) -> None:
    """Choose one option of a select box or a multiselect."""
    page.locator(f".st-key-{key} input").click()
    page.get_by_role("option", name=option, exact=True).click()
    page.locator("h1").click()  # closes the list
    settled(page)


def grid(page: Page, key: str = "stock-grid") -> list[dict[str, str]]:
    """The rows of a grid that are in view, by the column's label, from the accessible table behind the canvas."""
    page.locator(f".st-key-{key} [data-testid=stDataFrame]").scroll_into_view_if_needed()
    page.locator(f".st-key-{key} td").first.wait_for(state="attached")
    return page.evaluate(
        """(key) => {
        const table = document.querySelector(`.st-key-${key} table`);
        const heads = [...table.querySelectorAll('th')].map(cell => [cell.getAttribute('aria-colindex'), cell.innerText]);
        const names = Object.fromEntries(heads);
        return [...table.querySelectorAll('tbody tr')].map(row => Object.fromEntries(
          [...row.querySelectorAll('td')].map(cell => [names[cell.getAttribute('aria-colindex')], cell.textContent])));
        }""",
        key,
    )


def skus(page: Page) -> list[str]:
    """The SKUs in view, in the order of the rows."""
    return [row["SKU"] for row in grid(page)]


def expect_skus(page: Page, first: list[str]) -> None:
    """Wait until the grid begins with these SKUs."""
    cells = "[...document.querySelectorAll('.st-key-stock-grid tbody tr')].map(row => row.querySelector('td').textContent)"
    page.wait_for_function(f"(first) => JSON.stringify({cells}.slice(0, first.length)) === JSON.stringify(first)", arg=first)


def click_row(page: Page, number: int, key: str = "stock-grid") -> None:
    """Click a row of a grid, from 0, on its second column."""
    left, top = resting_place(page, key)
    page.mouse.click(left + 200, top + 35 * (number + 1) + 17)
    settled(page)


def click_header(page: Page, pixels: int, key: str = "stock-grid") -> None:
    """Click a header of a grid, so many pixels from its left edge."""
    left, top = resting_place(page, key)
    page.mouse.click(left + pixels, top + 17)


def resting_place(page: Page, key: str) -> tuple[float, float]:
    """Where the upper left corner of a grid is, once nothing above it moves any more."""
    grid_at = page.locator(f".st-key-{key} [data-testid=stDataFrame]")
    page.locator(f".st-key-{key} td").first.wait_for(state="attached")
    page.wait_for_function("[...document.querySelectorAll('.stPlotlyChart')].every(chart => chart.querySelector('.main-svg'))")
    seen: list[tuple[float, float]] = []
    for _ in range(60):
        grid_at.scroll_into_view_if_needed()
        box = grid_at.bounding_box()
        assert box is not None
        seen.append((box["x"], box["y"]))
        if len(seen) > 2 and len(set(seen[-3:])) == 1:
            break
        page.wait_for_timeout(150)
    return seen[-1]


def violations(page: Page) -> list[tuple[str, str, list[Any]]]:
    """What axe finds that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["impact"], [node["target"] for node in one["nodes"]]) for one in found if one["impact"] in SERIOUS]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate(f"(() => {{ const m = document.querySelector('{SCROLLER}'); return m.scrollWidth - m.clientWidth; }})()"))
