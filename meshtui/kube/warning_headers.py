"""`Warning` headers: what an API server says of a request that it accepts.

Admission policies, webhooks and deprecated versions speak this way. Format:
https://www.rfc-editor.org/rfc/rfc7234#section-5.5, code 299 as client-go reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshtui.mesh.text import clean

MOST = 50
LONGEST = 300

_WARNING = re.compile(r'299 +[^ ",]+ +"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def warnings_of(values: Iterable[str]) -> tuple[str, ...]:
    """The texts of these header values, each once, at most 50; one value may hold several."""
    found: dict[str, None] = {}
    for value in values:
        for text in _WARNING.findall(value):
            shown = clean(_ESCAPED.sub(r"\1", text).strip(), LONGEST)
            if shown:
                found.setdefault(shown)
    texts = tuple(found)
    left_out = len(texts) - MOST
    return texts if left_out <= 0 else (*texts[:MOST], f"{left_out} more warnings of the server")
