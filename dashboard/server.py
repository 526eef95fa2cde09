"""The app's process: Streamlit's own command, with a quiet log.

When a browser leaves in the middle of an answer, Streamlit 1.67 may find its connection closed by its own sender, closes it once
more, and writes a long traceback of that. Nothing is wrong then, so it is left out; all else is written.
"""

import logging

from starlette.websockets import WebSocketDisconnected
from streamlit.web.cli import main


def is_worth_telling(record: logging.LogRecord) -> bool:
    """Whether a record of the server's log is of more than a browser that left."""
    return record.exc_info is None or not isinstance(record.exc_info[1], WebSocketDisconnected)


if __name__ == "__main__":
    logging.getLogger("uvicorn.error").addFilter(is_worth_telling)
    main(prog_name="streamlit")
