"""PromQL in as few characters as it can be said in, for what carries it in a URL."""

from __future__ import annotations

import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\s*([(),{}*<>=+/\-])\s*|\s+')


def in_short(promql: str) -> str:
    """The same query without the spaces that nothing needs, its texts in single quotes, which a URL
    takes as they are."""
    return _TOKEN.sub(_shorter, promql)


def _shorter(token: re.Match[str]) -> str:
    if token[1]:
        return token[1]
    text = token[0]
    if not text.startswith('"'):
        return " "
    return text if "'" in text or '\\"' in text else f"'{text[1:-1]}'"
