"""The operator's word for where golden signals come from."""

from __future__ import annotations

import re

_URL = re.compile(r"https?://[^/?#\s]+[^?#\s]*", re.ASCII)


def is_wanted(text: str) -> bool:
    """Whether this is `auto`, `none`, or the URL of a Prometheus."""
    return text in ("auto", "none") or _URL.fullmatch(text) is not None
