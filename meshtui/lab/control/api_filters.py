"""Filters of HTTPRoutes and GRPCRoutes → parts of a VirtualService's rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.api_backends import Backends, Fault
from meshtui.lab.control.match import SEPARATED

Filter = Mapping[str, Any]
_MODIFIERS = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request"),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response"),
}
_FOUND = 302


class InvalidFilterError(Exception):
    """A filter that istiod does not know in its place: the whole route goes for it."""

    def __init__(self, kind: str) -> None:
        self.fault = Fault("InvalidFilter", f'unsupported filter type "{kind}"')
        super().__init__(self.fault.message)


def modified_headers(filters: Iterable[Filter]) -> Obj:
    """`headers` of a rule or destination; all that a backend of its own may have."""
    found: dict[str, Obj] = {}
    for one in filters:
        kind = str(one.get("type"))
        if kind not in _MODIFIERS:
            raise InvalidFilterError(kind)
        field, side = _MODIFIERS[kind]
        found.setdefault(side, {}).update(_operations(one[field]))
    return {"headers": found} if found else {}


def _operations(modifier: Mapping[str, Any]) -> Obj:
    chosen: Obj = {
        verb: {str(entry["name"]): str(entry["value"]) for entry in modifier[verb]}
        for verb in ("set", "add")
        if modifier.get(verb)
    }
    return chosen | ({"remove": list(modifier["remove"])} if modifier.get("remove") else {})


def filtered(filters: Iterable[Filter], match: Mapping[str, Any], backends: Backends) -> Obj:
    """What the filters of a rule make of it, for one of its matches."""
    listed = list(filters)
    made = modified_headers(one for one in listed if one.get("type") in _MODIFIERS)
    for one in (one for one in listed if one.get("type") not in _MODIFIERS):
        kind = str(one.get("type"))
        if kind == "RequestMirror":
            made.setdefault("mirrors", []).extend(_mirror(one["requestMirror"], backends))
        elif kind == "RequestRedirect":
            made["redirect"] = _redirect(one["requestRedirect"])
        elif kind == "URLRewrite":
            made["rewrite"] = _rewrite(one["urlRewrite"], match)
        elif kind == "CORS":
            made["corsPolicy"] = _cors(one["cors"])
        else:
            raise InvalidFilterError(kind)
    return made


def _mirror(mirror: Mapping[str, Any], backends: Backends) -> list[Obj]:
    """None at all where its backend is none."""
    faults = len(backends.faults)
    destination = backends.destination(mirror["backendRef"])
    if len(backends.faults) > faults:
        return []
    share = _percent(mirror)
    return [{"destination": destination, **({} if share is None else {"percentage": share})}]


def _percent(mirror: Mapping[str, Any]) -> Obj | None:
    if mirror.get("percent") is not None:
        return {"value": mirror["percent"]}
    fraction = mirror.get("fraction")
    if fraction is None:
        return None
    return {"value": 100 * fraction["numerator"] / (fraction.get("denominator") or 100)}


def _redirect(redirect: Mapping[str, Any]) -> Obj:
    """Without scheme and port the port of the request stays."""
    path = redirect.get("path") or {}
    prefix, full = path.get("replacePrefixMatch"), path.get("replaceFullPath")
    derived = "FROM_PROTOCOL_DEFAULT" if redirect.get("scheme") else "FROM_REQUEST_PORT"
    port = {"port": redirect["port"]} if redirect.get("port") else {"derivePort": derived}
    return {
        **port,
        "redirectCode": redirect.get("statusCode") or _FOUND,
        **({"scheme": redirect["scheme"]} if redirect.get("scheme") else {}),
        **({"authority": redirect["hostname"]} if redirect.get("hostname") else {}),
        **({"prefixRewrite": prefix} if prefix is not None else {}),
        **({"uri": full} if full is not None else {}),
    }


def _rewrite(rewrite: Mapping[str, Any], match: Mapping[str, Any]) -> Obj:
    """A prefix that is taken away leaves the slash behind it, once."""
    found: Obj = {"authority": rewrite["hostname"]} if rewrite.get("hostname") else {}
    path = rewrite.get("path") or {}
    if path.get("replaceFullPath") is not None:
        found["uriRegexRewrite"] = {"match": "/.*", "rewrite": str(path["replaceFullPath"])}
    elif path.get("replacePrefixMatch") is not None:
        prefix = str((match.get("uri") or {}).get(SEPARATED, "/"))
        new = str(path["replacePrefixMatch"]).removesuffix("/") or "/"
        if new == "/" and prefix != "/":
            pattern = f"^{re.escape(prefix)}(/?)(.*)"
            found["uriRegexRewrite"] = {"match": pattern, "rewrite": r"/\2"}
        else:
            found["uri"] = new
    return found


def _cors(cors: Mapping[str, Any]) -> Obj:
    """Preflights of other origins end at the proxy."""
    age = cors.get("maxAge")
    same = ("allowMethods", "allowHeaders", "exposeHeaders")
    allowed = cors.get("allowCredentials")
    return {
        "allowOrigins": [_origin(str(origin)) for origin in cors.get("allowOrigins") or ()],
        **{key: cors[key] for key in same if cors.get(key)},
        **({"maxAge": f"{int(age)}s"} if age else {}),
        **({"allowCredentials": allowed} if allowed is not None else {}),
        "unmatchedPreflights": "IGNORE",
    }


def _origin(origin: str) -> Obj:
    if "*" not in origin:
        return {"exact": origin}
    return {"regex": ".*".join(re.escape(part) for part in origin.split("*"))}
