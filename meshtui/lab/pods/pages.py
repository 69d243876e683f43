"""What Bookinfo's services answer, and whom they ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from meshtui.lab.contract import SHADOW_HEADER

PORT = 9080
_FORWARDED = (
    "x-request-id", "x-ot-span-context", "x-datadog-trace-id", "traceparent", "tracestate",
    "x-cloud-trace-context", "grpc-trace-bin", "user-agent", "cookie", "authorization", "end-user",
)  # fmt: skip


class Caller(Protocol):
    """A way to ask another service through the pod's own sidecar."""

    async def ask(self, host: str, path: str, headers: Mapping[str, str]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What another service said; status 0 where there was no answer at all."""

    status: int
    body: Any = None

    @property
    def good(self) -> bool:
        return 0 < self.status < 500


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an application."""

    app: str
    version: str
    request: web.BaseRequest
    caller: Caller

    async def ask(self, service: str, path: str) -> Answer:
        """Ask a service by its short name, with the headers that real applications pass on."""
        headers = {
            name: value
            for name, value in self.request.headers.items()
            if name.lower() in _FORWARDED or name.lower().startswith("x-b3-")
        }
        return await self.caller.ask(f"{service}:{PORT}", path, headers)


Page = Callable[[Call], Awaitable[web.Response]]


async def productpage(call: Call) -> web.Response:
    """The page people see. It fails when its reviews do; missing details are only mentioned."""
    details, reviews = await asyncio.gather(
        call.ask("details", "/details/0"), call.ask("reviews", "/reviews/0")
    )
    body = {
        "details": details.body if details.good else "Sorry, product details are unavailable",
        "reviews": reviews.body if reviews.good else "Sorry, product reviews are unavailable",
    }
    return web.json_response(body, status=200 if reviews.good else 503)


async def details(call: Call) -> web.Response:
    del call
    return web.json_response({"id": 0, "author": "William Shakespeare", "year": 1595, "pages": 200})


async def ratings(call: Call) -> web.Response:
    del call
    return web.json_response({"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}})


async def reviews(call: Call) -> web.Response:
    """Version 1 shows no stars; the others ask `ratings` for them, and do without when it fails."""
    body: dict[str, Any] = {
        "id": "0",
        "version": call.version,
        "reviews": ["An extremely entertaining play"],
    }
    if call.version != "v1":
        stars = await call.ask("ratings", "/ratings/0")
        body["ratings"] = stars.body if stars.good else "Ratings service is currently unavailable"
        body["color"] = "red" if call.version == "v3" else "black"
    return web.json_response(body)


async def echo(call: Call) -> web.Response:
    """Any other path: who answered, and what arrived."""
    arrived = {name.lower(): value for name, value in call.request.headers.items()}
    arrived.pop(SHADOW_HEADER, None)
    return web.json_response(
        {
            "app": call.app,
            "version": call.version,
            "method": call.request.method,
            "path": call.request.raw_path,
            "headers": arrived,
        }
    )


PAGES: Mapping[tuple[str, str], Page] = {
    ("productpage", "productpage"): productpage,
    ("details", "details"): details,
    ("ratings", "ratings"): ratings,
    ("reviews", "reviews"): reviews,
}
"""By application and first part of the path."""


def page_of(app: str, path: str) -> Page:
    return PAGES.get((app, path.split("/")[1] if "/" in path else ""), echo)
