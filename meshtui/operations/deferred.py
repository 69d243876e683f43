"""The cockpit, imported when it connects: the first paint waits for none of it."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from meshtui.errors import Unreachable
from meshtui.operations.options import Options

if TYPE_CHECKING:
    from meshtui.operations.live import LiveCockpit


class LateCockpit:
    """Is the `LiveCockpit` from the first `connect` on, and does nothing before it."""

    def __init__(self, options: Options) -> None:
        self.read_only = options.read_only
        self._options = options
        self._live: LiveCockpit | None = None

    @property
    def context(self) -> str:
        return self._live.context if self._live else self._options.context or ""

    @property
    def namespace(self) -> str:
        return self._live.namespace if self._live else self._options.namespace or ""

    @property
    def server(self) -> str:
        return self._live.server if self._live else ""

    async def connect(self) -> None:
        if self._live is None:
            module = await asyncio.to_thread(import_module, "meshtui.operations.live")
            self._live = module.LiveCockpit(self._options)
        await self._live.connect()

    def ask_again(self) -> None:
        if self._live is not None:
            self._live.ask_again()

    async def close(self) -> None:
        if self._live is not None:
            await self._live.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._live is None:
            raise Unreachable("not connected to a cluster yet", "wait, or check the kubeconfig")
        return getattr(self._live, name)
