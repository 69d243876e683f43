"""The `http` list of a VirtualService → Envoy's routes, one for each match entry."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control import headers
from meshtui.lab.control.action import Rule, Where, cluster_name, cluster_of, route_action
from meshtui.lab.control.fault import per_filter
from meshtui.lab.control.match import Match, applies, catches_all, plain, route_match
from meshtui.lab.control.reading import complain
from meshtui.lab.control.retry import retry_policy
from meshtui.lab.control.world import MALFORMED, Config, Proxy, World

_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


@dataclass(frozen=True, slots=True)
class Client:
    """Whose routes are made: a proxy, the listener's port and the gateways it speaks for."""

    world: World
    proxy: Proxy
    port: int
    gateways: frozenset[str]


def routes(config: Config, client: Client) -> list[Obj]:
    """The routes of one VirtualService; a malformed rule is named and left out."""
    found: list[Obj] = []
    http = config.spec.get("http") or []
    for index, rule in enumerate(http if isinstance(http, list) else []):
        try:
            made, last = _rule(rule, config, client)
        except MALFORMED as error:
            complain(
                f"VirtualService {config.namespace}/{config.name} http[{index}] skipped: {error!r}"
            )
            continue
        found += made
        if last:
            break
    return found


def _rule(rule: Rule, config: Config, client: Client) -> tuple[list[Obj], bool]:
    """The routes of one rule, and whether nothing after it can be reached."""
    entries: list[Match | None] = list(rule.get("match") or [None])
    chosen = [
        entry
        for entry in entries
        if entry is None or applies(entry, client.proxy, client.gateways, client.port)
    ]
    if not chosen:
        return [], False
    body = _body(rule, config, client)
    made = [{**_identity(rule, entry), "match": route_match(entry), **body} for entry in chosen]
    return made, any(catches_all(entry) for entry in chosen)


def _identity(rule: Rule, entry: Match | None) -> Obj:
    name, match = str(rule.get("name") or ""), str((entry or {}).get("name") or "")
    full = f"{name}.{match}" if match else name
    return {"name": full} if full else {}


def _body(rule: Rule, config: Config, client: Client) -> Obj:
    filters = per_filter(rule)
    return {
        **_reaction(rule, config, client),
        "metadata": {"filter_metadata": {"istio": {"config": config.path("virtual-service")}}},
        **({"typed_per_filter_config": filters} if filters else {}),
    }


def _reaction(rule: Rule, config: Config, client: Client) -> Obj:
    """Forward, redirect or answer: exactly one of them. Headers are changed in any case."""
    changes = headers.operations(rule.get("headers"))
    if rule.get("redirect"):
        return {"redirect": _redirect(rule["redirect"]), **changes}
    if rule.get("directResponse"):
        return {"direct_response": _direct(rule["directResponse"]), **changes}
    where = Where(client.world, config.namespace, client.port)
    _, port, _, host = cluster_of(rule["route"][0]["destination"], where).split("|", 3)
    return route_action(rule, where) | {"decorator": {"operation": f"{host}:{port}/*"}}


def _redirect(redirect: Mapping[str, Any]) -> Obj:
    uri = redirect.get("uri")
    code = int(redirect.get("redirectCode") or 301)
    return {
        **({"host_redirect": plain(redirect["authority"])} if redirect.get("authority") else {}),
        **({"path_redirect": plain(uri)} if uri else {}),
        **({"scheme_redirect": plain(redirect["scheme"])} if redirect.get("scheme") else {}),
        **({"port_redirect": int(redirect["port"])} if redirect.get("port") else {}),
        "response_code": _REDIRECT_CODES[code],
    }


def _direct(response: Mapping[str, Any]) -> Obj:
    status = int(response["status"])
    if not 200 <= status < 600:
        raise ValueError(f"not an HTTP status: {status}")
    body = response.get("body") or {}
    base64.b64decode(body.get("bytes", ""), validate=True)
    text = {
        key: body[name]
        for name, key in (("string", "inline_string"), ("bytes", "inline_bytes"))
        if name in body
    }
    return {"status": status, **({"body": text} if text else {})}


def default_route(host: str, port: int) -> Obj:
    """What a service without a VirtualService gets: everything to its own cluster."""
    return {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {
            "cluster": cluster_name(host, port),
            "timeout": "0s",
            "retry_policy": retry_policy(None),
        },
        "decorator": {"operation": f"{host}:{port}/*"},
    }
