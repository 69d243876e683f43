"""Rules and requests as a seeded chance makes them: small words, so that many requests fit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Obj = dict[str, Any]

SEGMENTS = ("api", "apix", "API", "v1", "v12", "a.b", "")
VALUES = ("jason", "jas", "JASON", "v1", "a,b", "12", "")
HEADERS = ("x-user", "x-team", "X-Mixed")
PARAMETERS = ("q", "id")
METHODS = ("GET", "POST", "PUT", "DELETE")
HOSTS = ("reviews:9080", "reviews.default:9080", "reviews.default.svc.cluster.local", "REVIEWS")
OUTSIDE = ("a.shop.test", "b.shop.test:80", "A.Shop.Test", ".shop.test", "b.test", "c.test")
"""Hosts as they come in from outside."""

_PATH_REGEXES = (
    "/api(/.*)?",
    "/v[0-9]+",
    r"/v\d{1,2}/.*",
    "(?i)/api/.*",
    ".*",
    "/api|/v1",
    "/[^/]+/[^/]*",
    "/a.b",
    r"/a\.b",
    "^/api$",
    "/(?:api|v1)(?:/v1)?",
    "/[[:alpha:]]+",
)
_VALUE_REGEXES = (
    "jas.*",
    "(?i)jason",
    r"\d+",
    "[a-j]+n?",
    ".*",
    "(a|b|,)+",
    r"\w{2,5}",
    "j(as|on)+",
    "^$",
    "(?P<who>jason|v1)",
    r"\bjason\b",
)


def path(chance: random.Random) -> str:
    return "/" + "/".join(chance.choice(SEGMENTS) for _ in range(chance.randint(1, 3)))


def _uri(chance: random.Random) -> Obj:
    kind = chance.choice(("exact", "prefix", "prefix", "regex"))
    if kind == "regex":
        return {"regex": chance.choice(_PATH_REGEXES)}
    if kind == "prefix" and chance.random() < 0.2:
        return {"prefix": "/"}
    return {kind: path(chance)}


def _value(chance: random.Random) -> Obj:
    kind = chance.choice(("exact", "prefix", "regex", "present"))
    if kind == "present":
        return {}
    if kind == "regex":
        return {"regex": chance.choice(_VALUE_REGEXES)}
    text = chance.choice(VALUES)
    return {kind: text or "j"} if kind == "prefix" else {kind: text}


def _named(names: tuple[str, ...]) -> Callable[[random.Random], Obj]:
    return lambda chance: {
        name: _value(chance) for name in chance.sample(names, chance.choice((1, 1, 2)))
    }


_CONDITIONS: dict[str, tuple[float, Callable[[random.Random], Any]]] = {
    "uri": (0.5, _uri),
    "ignoreUriCase": (0.2, lambda chance: chance.random() < 0.7),
    "method": (0.15, lambda c: {"exact": c.choice(METHODS)} if c.random() < 0.8 else _value(c)),
    "scheme": (0.05, lambda c: {"exact": c.choice(("http", "http", "https"))}),
    "authority": (0.15, lambda c: {c.choice(("exact", "prefix")): c.choice(HOSTS)}),
    "headers": (0.3, _named(HEADERS)),
    "withoutHeaders": (0.2, _named(HEADERS)),
    "queryParams": (0.25, _named(PARAMETERS)),
    "port": (0.1, lambda chance: chance.choice((9080, 9080, 80))),
    "sourceNamespace": (0.08, lambda chance: chance.choice(("default", "default", "prod"))),
    "sourceLabels": (0.08, lambda chance: {"app": chance.choice(("productpage", "ratings"))}),
    "gateways": (0.08, lambda chance: [chance.choice(("mesh", "bookinfo-gateway"))]),
}


def match(chance: random.Random) -> Obj:
    return {
        key: make(chance) for key, (likely, make) in _CONDITIONS.items() if chance.random() < likely
    }


def rules(chance: random.Random, mark: str) -> list[Obj]:
    """Rules that each answer by themselves and say, in a header, which of them they are."""
    found = []
    for number in range(chance.randint(2, 6)):
        rule = _answering(f"{mark}-{number}")
        if chance.random() < 0.93:
            rule["match"] = [match(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        found.append(rule)
    return found


def _answering(name: str) -> Obj:
    """A rule that answers by itself, and says in a header which one it is."""
    return {
        "name": name,
        "directResponse": {"status": 200},
        "headers": {"response": {"set": {"x-rule": name}}},
    }


def request(chance: random.Random, hosts: tuple[str, ...] = HOSTS) -> Obj:
    """A request in the words of the lab's `send`; about half carry something a rule may ask for."""
    asked = [
        name + chance.choice(("", f"={chance.choice(VALUES)}", f"={chance.choice(VALUES)}"))
        for name in chance.sample(PARAMETERS, chance.choice((0, 0, 1, 2)))
    ]
    asked += [f"q={chance.choice(VALUES)}"] if asked and chance.random() < 0.2 else []
    return {
        "path": path(chance) + ("?" + "&".join(asked) if asked else ""),
        "method": chance.choice(METHODS),
        "host": chance.choice(hosts),
        "headers": {
            name.upper() if chance.random() < 0.2 else name: chance.choice(VALUES)
            for name in chance.sample(HEADERS, chance.choice((0, 1, 1, 2, 3)))
        },
    }


def marker(mark: str) -> Obj:
    """A rule that no request fits; it shows that those written with it are in force."""
    return _answering(f"{mark}-mark") | {"match": [{"uri": {"exact": f"/{mark}/mark"}}]}


def plain(**changed: Any) -> Obj:
    return {"path": "/", "method": "GET", "host": "reviews:9080", "headers": {}} | changed
