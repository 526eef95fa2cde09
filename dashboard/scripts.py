"""The scripts that pages draw into themselves. The content security policy lets in these alone, each by its hash."""

from typing import Final

SHOW_EXPLANATION: Final = """
const where = document.querySelector('.st-key-explain');
if (where && where.getBoundingClientRect().top > window.innerHeight - 260)
  where.scrollIntoView({block: 'start', behavior: 'instant'});
"""
SCRIPTS: Final = (SHOW_EXPLANATION,)


def element(script: str) -> str:
    """The script as HTML."""
    return f"<script>{script}</script>"
