"""Delivery: Envoys ask over a unix socket, and each question waits until there is something new.

This is xDS over REST as a long poll: a change is with the proxies a few milliseconds after it is
published, and nothing happens in between. (Files would do as well, but an Envoy takes an inotify
instance for each, of which a user has 128 in all: four labs.)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from meshtui.lab.contract import Obj

CLUSTERS, ROUTES, LISTENERS = "clusters", "routes", "listeners"
_HOLD = 30.0
"""Seconds after which a question is answered with "nothing new"; Envoy waits twice as long."""

_ENDPOINT = "/v3/discovery:{kind}"


@dataclass(frozen=True, slots=True)
class Key:
    """What one Envoy subscribes to; only routes have names."""

    pod: str
    kind: str
    name: str = ""


Resources = Mapping[Key, list[Obj]]


@dataclass(slots=True)
class _Topic:
    """The present state of one subscription, and how far its Envoy was told.

    `acked` is the version that the Envoy has, `refusals` how often it kept an older one; `began`
    says when each of the versions was sent that still count.
    """

    resources: list[Obj] | None = None
    version: int = 0
    sent: int = 0
    acked: int = 0
    refused: bool = False
    refusals: int = 0
    began: dict[int, float] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_news(self) -> bool:
        return self.resources is not None and self.sent != self.version

    def asked(self, version: str) -> None:
        """The next question says what became of the last answer."""
        self.acked = int(version) if version.isdecimal() else 0
        self.refused = self.sent != self.acked
        self.refusals += self.refused

    def send(self, now: float) -> None:
        self.sent = self.version
        self.began = {v: at for v, at in self.began.items() if v == self.acked} | {self.sent: now}

    def publish(self, resources: list[Obj], version: int) -> None:
        self.resources, self.version = resources, version
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Sync:
    """How far a proxy is with one kind of resources; `refused` says what it did not take."""

    sent: int
    acked: int
    at: float
    began: Mapping[int, float]
    refused: str = ""
    refusals: int = 0


class Discovery:
    """What every Envoy is to know, and the server that tells them."""

    def __init__(self, socket: Path, clock: Callable[[], float] = time.time) -> None:
        self._socket = socket
        self._clock = clock
        self._topics: dict[Key, _Topic] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application(client_max_size=2**24)
        application.router.add_post(_ENDPOINT, self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._socket)).start()
        self._socket.chmod(0o600)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def publish(self, wanted: Resources, version: int) -> bool:
        """Tell the Envoys what is new to them; whether anything was."""
        changed = {k: r for k, r in wanted.items() if self.known(k) != r}
        for key, resources in changed.items():
            self._topic(key).publish(resources, version)
        return bool(changed)

    def known(self, key: Key) -> list[Obj]:
        """What was published last."""
        topic = self._topics.get(key)
        return (topic.resources if topic else None) or []

    def sync(self, pod: str, kind: str) -> Sync | None:
        """Of all subscriptions of a kind the one that is behind most; None where there is none."""
        own = {
            key.name: topic
            for key, topic in self._topics.items()
            if (key.pod, key.kind) == (pod, kind) and topic.sent
        }
        if not own:
            return None
        behind = [topic for topic in own.values() if topic.sent != topic.acked]
        shown = min(behind, key=lambda topic: topic.acked, default=None)
        shown = shown or max(own.values(), key=lambda topic: topic.sent)
        refused = [name for name, topic in own.items() if topic.refused]
        words = f"the proxy has refused {kind} {', '.join(filter(None, refused))}".rstrip()
        return Sync(
            shown.sent,
            shown.acked,
            shown.began[shown.sent],
            shown.began,
            f"{words} and goes on with version {shown.acked}" if refused else "",
            sum(topic.refusals for topic in own.values()),
        )

    def forget(self, pod: str) -> None:
        """The pod is gone."""
        self._topics = {key: topic for key, topic in self._topics.items() if key.pod != pod}

    def _topic(self, key: Key) -> _Topic:
        return self._topics.setdefault(key, _Topic())

    async def _answer(self, request: web.Request) -> web.Response:
        """An Envoy that refused a version asks again with the one before: it has been told."""
        asked = await request.json()
        kind = request.match_info["kind"]
        name = asked["resource_names"][0] if kind == ROUTES else ""
        topic = self._topic(Key(asked["node"]["metadata"]["NAME"], kind, name))
        topic.asked(str(asked.get("version_info") or ""))
        if not topic.is_news():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(topic.changed.wait(), _HOLD)
        if not topic.is_news():
            return web.Response(status=304)
        topic.send(self._clock())
        return web.json_response({"version_info": str(topic.version), "resources": topic.resources})
