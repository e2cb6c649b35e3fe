"""The stable addresses of the view's pages, for pages and for whoever links to them."""

from typing import Any
from urllib.parse import urlencode

PORT = 4280
HOME = f"http://127.0.0.1:{PORT}"
"""Where ``lbt view RUN`` answers unless told otherwise."""


def url(path: str, **asked: Any) -> str:
    """The address of a page: the same for the same row, whatever else the run does."""
    given = {name: value for name, value in asked.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path
