"""httpx without its command line, which nobody here runs.

`import httpx` imports that as well where rich and click are there, as they are with Textual: more
than half of what the import takes. Whoever needs httpx takes it from here.
"""

from __future__ import annotations

import sys
from typing import Any

_COMMAND_LINE = "httpx._main"

_modules: dict[str, Any] = sys.modules
# What is None here can't be imported, and httpx goes on without.
_modules.setdefault(_COMMAND_LINE, None)

import httpx as httpx  # noqa: E402
