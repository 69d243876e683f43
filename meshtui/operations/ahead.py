"""Imports that are made before a key wants what they give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib import import_module


async def import_ahead(modules: Iterable[str]) -> None:
    """In a thread: the screen goes on."""
    for module in modules:
        await asyncio.to_thread(import_module, module)
