"""Driving a page as a person would: opening, waiting until it is drawn, reading and clicking the grid."""

from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Locator, Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

SERIOUS = ("serious", "critical")
SCROLLER = "[data-testid=stMain]"


STEP_MS: Final = 25
QUIET_MS: Final = 200  # a grid tells of a click only after a while
LONGEST_MS: Final = 60_000  # on a busy machine
REST_MS: Final = 150
HELD_MS: Final = 80  # how long a person holds a mouse button: the grid may miss one that is let go before it drew the press
PULSES: Final = 3
ROW_PIXELS: Final = 30.625  # of a grid, its header too: 2.1875 times the base size of letters

expect.set_options(timeout=LONGEST_MS)


def is_an_act(message: BackMsg) -> bool:
    """Whether a browser's message asks for a run because of what a person did; a pulse asks by itself."""
    return bool(message.HasField("rerun_script") and not message.rerun_script.is_auto_rerun)


class Runs:
    """Whether the whole page is being run for a browser page, as their connection tells. Pulses, which run one fragment, do not count."""

    def __init__(self, page: Page) -> None:
        self.is_busy = False
        self.acts = 0  # how often an act of the person asked for one, or for a fragment's
        self._pulses = 0
        page.on("websocket", self._watch)

    def _watch(self, connection: WebSocket) -> None:
        connection.on("framesent", self._send)
        connection.on("framereceived", self._receive)

    def _send(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            message = BackMsg.FromString(frame)
            self.acts += is_an_act(message)
            if is_an_act(message) and not message.rerun_script.fragment_id:
                self.is_busy, self._pulses = True, 0

    def _receive(self, frame: str | bytes) -> None:
        if not isinstance(frame, bytes):
            return
        message = ForwardMsg.FromString(frame)
        if message.HasField("script_finished"):
            # a run whose end is not told, for another followed at once, is over when pulses come through again
            self._pulses += message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
            self.is_busy &= message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY and self._pulses < PULSES


_runs: WeakKeyDictionary[Page, Runs] = WeakKeyDictionary()


def open_page(page: Page, address: str) -> None:
    """Go there and wait until all is drawn."""
    if page not in _runs:
        _runs[page] = Runs(page)
    page.goto(address)
    settled(page)


def wait_for(page: Page, expression: str, arg: object = None) -> Any:
    """The value of a JavaScript expression or function once it is truthy. Playwright's own waiting evaluates text in the page, which
    the app's content security policy refuses."""
    for _ in range(LONGEST_MS // STEP_MS):
        try:
            value = page.evaluate(expression, arg)
        except Error as error:
            if "context was destroyed" not in str(error):  # the page is being left for another
                raise
            value = None
        if value:
            return value
        page.wait_for_timeout(STEP_MS)
    raise AssertionError(f"this did not come true: {expression}")


def settled(page: Page) -> None:
    """Wait until the app is connected, runs the page for nobody's act any more, and nothing is a placeholder."""
    page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
    page.wait_for_selector("h1")
    runs, waited, quiet = _runs[page], 0, 0
    while quiet < QUIET_MS:
        page.wait_for_timeout(STEP_MS)  # the connection's messages are handed on meanwhile
        waited, quiet = waited + STEP_MS, 0 if runs.is_busy else quiet + STEP_MS
        assert waited < LONGEST_MS, "the page goes on being run"
    wait_for(page, "!document.querySelector('[data-testid=stSkeleton]')")
    wait_for(page, "[...document.querySelectorAll('.stPlotlyChart')].every(chart => chart.querySelector('.main-svg'))")


def wait_until(page: Page, has_come: Callable[[], bool], what: str) -> None:
    """Wait until something has come that the page itself does not show; `what`: the words for it where it does not come."""
    for _ in range(LONGEST_MS // STEP_MS):
        if has_come():
            return
        page.wait_for_timeout(STEP_MS)
    raise AssertionError(f"{what}: not within {LONGEST_MS // 1000} s")


def at_rest(thing: Locator) -> tuple[float, float]:
    """Where the upper left corner of something is, once nothing above it moves any more: an open list closes when the page scrolls."""
    places: list[tuple[float, float]] = []
    for _ in range(LONGEST_MS // REST_MS):
        thing.scroll_into_view_if_needed()
        box = thing.bounding_box()
        assert box is not None
        places.append((box["x"], box["y"]))
        if len(places) > 2 and len(set(places[-3:])) == 1:
            return places[-1]
        thing.page.wait_for_timeout(REST_MS)
    raise AssertionError(f"it goes on moving: {places[-3:]}")


def press(page: Page, name: str) -> None:
    """Press a button, and wait until what it asked for is done."""
    settled(page)
    runs, button = _runs[page], page.get_by_role("button", name=name, exact=True)
    before = runs.acts
    at_rest(button)
    button.click()
    wait_until(page, lambda: runs.acts > before or button.count() == 0, f"an answer to “{name}”")
    settled(page)


def choose(page: Page, key: str, option: str) -> None:
    """Choose one option of a select box or a multiselect, once the page is drawn: what it still sets would undo the choice."""
    settled(page)
    field = page.locator(f".st-key-{key} input")
    at_rest(field)
    field.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.locator("h1").click()  # closes the list
    settled(page)


def grid(page: Page, key: str = "stock-grid") -> list[dict[str, str]]:
    """The rows of a grid that are in view, by the column's label, from the accessible table behind the canvas."""
    # the first: while a grid is drawn again under another key, the old one may still be there
    page.locator(f".st-key-{key} [data-testid=stDataFrame]").first.scroll_into_view_if_needed()
    page.locator(f".st-key-{key} td").first.wait_for(state="attached")
    rows: list[dict[str, str]] = wait_for(
        page,
        """(key) => {
        const table = document.querySelector(`.st-key-${key} table`);
        if (!table || !table.querySelector('td')) return null;
        const heads = [...table.querySelectorAll('th')].map(cell => [cell.getAttribute('aria-colindex'), cell.innerText]);
        const names = Object.fromEntries(heads);
        return [...table.querySelectorAll('tbody tr')].map(row => Object.fromEntries(
          [...row.querySelectorAll('td')].map(cell => [names[cell.getAttribute('aria-colindex')], cell.textContent])));
        }""",
        arg=key,
    )
    return rows


def row_with(page: Page, key: str, cells: dict[str, str]) -> dict[str, str]:
    """The row of a grid with these cells, once it is there: a page follows a change of the store in a run of its own."""
    for _ in range(LONGEST_MS // 200):
        for row in grid(page, key):
            if cells.items() <= row.items():
                return row
        page.wait_for_timeout(200)
    raise AssertionError(f"no row of {key} has {cells}: {grid(page, key)}")


def skus(page: Page) -> list[str]:
    """The SKUs in view, in the order of the rows."""
    return [row["SKU"] for row in grid(page)]


def expect_skus(page: Page, first: list[str]) -> None:
    """Wait until the grid begins with these SKUs."""
    cells = "[...document.querySelectorAll('.st-key-stock-grid tbody tr')].map(row => row.querySelector('td').textContent)"
    wait_for(page, f"(first) => JSON.stringify({cells}.slice(0, first.length)) === JSON.stringify(first)", arg=first)


def click_row(page: Page, number: int, key: str = "stock-grid") -> None:
    """Click a row of a grid, from 0, on its second column."""
    left, top = resting_place(page, key)
    click_at(page, left + 200, top + ROW_PIXELS * (number + 1.5))
    settled(page)


def click_at(page: Page, x: float, y: float) -> None:
    """Click a place in a grid, as a person does."""
    page.mouse.move(x + 3, y)  # the grid takes no click from a mouse that never moved over it
    page.mouse.click(x, y, delay=HELD_MS)


def click_header(page: Page, pixels: int, key: str = "stock-grid") -> None:
    """Click a header of a grid, so many pixels from its left edge, which changes the address."""
    before = page.url
    left, top = resting_place(page, key)
    click_at(page, left + pixels, top + 17)
    wait_until(page, lambda: page.url != before, "another address")


def resting_place(page: Page, key: str) -> tuple[float, float]:
    """Where the upper left corner of a grid is, once nothing above it moves any more."""
    page.locator(f".st-key-{key} td").first.wait_for(state="attached")
    settled(page)
    return at_rest(page.locator(f".st-key-{key} [data-testid=stDataFrame]").first)


def violations(page: Page) -> list[tuple[str, str, list[Any]]]:
    """What axe finds that is serious or worse, and finds again once the page has come to rest: what is being drawn again is pale."""

    def serious() -> list[tuple[str, str, list[Any]]]:
        everything = Axe().run(page).response["violations"]
        return [(one["id"], one["impact"], [node["target"] for node in one["nodes"]]) for one in everything if one["impact"] in SERIOUS]

    if not serious():
        return []
    page.wait_for_timeout(1_500)
    settled(page)
    return serious()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate(f"(() => {{ const m = document.querySelector('{SCROLLER}'); return m.scrollWidth - m.clientWidth; }})()"))
