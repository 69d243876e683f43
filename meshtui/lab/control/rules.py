"""The `http` list of a VirtualService → Envoy's routes, one for each match entry."""

from __future__ import annotations

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
from meshtui.lab.control.world import MALFORMED, Config, Proxy

_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Client:
    """Whose routes are made: a proxy, the gateway it speaks for and what its rules may mean."""

    proxy: Proxy
    gateway: str
    where: Where
    tls: bool = False


def routes(config: Config, client: Client) -> list[Obj]:
    """The routes of one VirtualService; a malformed rule is named and left out."""
    found: list[Obj] = []
    for index, rule in enumerate(config.spec["http"]):
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
    made = []
    for entry in entries:
        if entry is None or applies(entry, client.proxy, client.gateway, client.where.port):
            route = _route(rule, entry, config, client)
            made.append(route)
            if entry is None or catches_all(route["match"]):
                return made, True
    return made, False


def _route(rule: Rule, entry: Match | None, config: Config, client: Client) -> Obj:
    prefix = str((entry or {}).get("statPrefix") or "")
    filters = per_filter(rule)
    reaction = _reaction(rule, client)
    if config.routed and "route" in reaction:
        reaction["route"] |= {"cluster_not_found_response_code": "INTERNAL_SERVER_ERROR"}
    return {
        **_identity(rule, entry),
        "match": route_match(entry),
        **reaction,
        "metadata": {"filter_metadata": {"istio": {"config": config.path("virtual-service")}}},
        **({"typed_per_filter_config": filters} if filters else {}),
        **({"stat_prefix": prefix} if prefix else {}),
    }


def _identity(rule: Rule, entry: Match | None) -> Obj:
    name, match = str(rule.get("name") or ""), str((entry or {}).get("name") or "")
    full = f"{name}.{match}" if match else name
    return {"name": full} if full else {}


def _reaction(rule: Rule, client: Client) -> Obj:
    """Forward, redirect or answer: exactly one of them. Headers are changed in any case."""
    changes = headers.operations(rule.get("headers"))
    if rule.get("redirect") is not None:
        return {**_redirect(rule["redirect"], client), **changes}
    if rule.get("directResponse") is not None:
        return {"direct_response": _direct(rule["directResponse"]), **changes}
    where = client.where
    entries = rule.get("route") or ()
    name = cluster_of(entries[0]["destination"], where) if entries else "|||"
    _, port, _, host = name.split("|", 3) if "|" in name else ("", "", "", name)
    return route_action(rule, where) | {"decorator": {"operation": f"{host}:{port}/*"}}


def _redirect(redirect: Mapping[str, Any], client: Client) -> Obj:
    """A code Envoy does not know leaves a route that does nothing: Envoy refuses its table."""
    code = _REDIRECT_CODES.get(int(redirect.get("redirectCode") or 301))
    if code is None:
        return {}
    prefix = redirect.get("prefixRewrite")
    path = {"path_redirect": plain(redirect.get("uri") or "")}
    scheme = redirect.get("scheme")
    port = _redirect_port(redirect, client)
    return {
        "redirect": {
            **(
                {"host_redirect": plain(redirect["authority"])} if redirect.get("authority") else {}
            ),
            **({"prefix_rewrite": plain(prefix)} if prefix else path),
            **({"scheme_redirect": plain(scheme)} if scheme else {}),
            **({"port_redirect": port} if port else {}),
            "response_code": code,
        }
    }


def _redirect_port(redirect: Mapping[str, Any], client: Client) -> int:
    """0 where the scheme's own port is meant."""
    derived = redirect.get("derivePort") == "FROM_REQUEST_PORT"
    port = client.where.port if derived else int(redirect.get("port") or 0)
    scheme = redirect.get("scheme") or ("https" if client.tls else "http")
    return 0 if port == _DEFAULT_PORTS.get(str(scheme)) else port


def _direct(response: Mapping[str, Any]) -> Obj:
    body = response.get("body") or {}
    text = {
        key: body[name]
        for name, key in (("string", "inline_string"), ("bytes", "inline_bytes"))
        if name in body
    }
    return {"status": int(response.get("status") or 0), **({"body": text} if text else {})}


def default_route(host: str, port: int, hashed: Obj | None = None) -> Obj:
    """What a service without a VirtualService gets: everything to its own cluster."""
    return {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {
            "cluster": cluster_name(host, port),
            "timeout": "0s",
            "retry_policy": retry_policy(None),
            **({"hash_policy": [hashed]} if hashed else {}),
            "max_grpc_timeout": "0s",
        },
        "decorator": {"operation": f"{host}:{port}/*"},
    }
