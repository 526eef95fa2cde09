"""The log of the app's process."""

import logging

from starlette.websockets import WebSocketDisconnected

from dashboard.server import is_worth_telling


def record(error: BaseException | None) -> logging.LogRecord:
    told = None if error is None else (type(error), error, None)
    return logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, "Exception in ASGI application", None, told)


def test_only_a_browser_that_left_is_left_out() -> None:
    assert not is_worth_telling(record(WebSocketDisconnected("closed")))
    assert is_worth_telling(record(RuntimeError("something else")))
    assert is_worth_telling(record(None))
