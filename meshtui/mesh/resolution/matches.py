"""A match of a rule as Envoy has it, and which of them istiod takes for everything.

From istiod (pilot/pkg/networking/core/route: TranslateRouteMatch, IsCatchAllRoute). What is made is
the JSON of Envoy's RouteMatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.mesh import read
from meshtui.mesh.istio import Json

EVERYTHING: Json = {"prefix": "/"}
"""What a rule without matches asks for."""

_CLAIMS = "@request.auth.claims"


def envoy_match(match: Json | None, gateway_api: bool = False) -> Json:
    """The JSON of the RouteMatch; None stands for a rule without matches.

    A prefix of the Gateway API ends at a slash.
    """
    if match is None:
        return EVERYTHING
    found: dict[str, Any] = dict(_path(match.get("uri")))
    if gateway_api and found.get("prefix", "/") != "/":
        found["path_separated_prefix"] = found.pop("prefix").removesuffix("/")
    found["case_sensitive"] = match.get("ignoreUriCase") is not True
    headers = _headers(match)
    if headers:
        found["headers"] = headers
    query = [
        {"name": name, **_value(value)}
        for name, value in sorted(read.obj(match, "queryParams").items())
    ]
    if query:
        found["query_parameters"] = query
    claims = _claims(match)
    if claims:
        found["dynamic_metadata"] = claims
    return found


def takes_everything(match: Json) -> bool:
    """Whether istiod makes no route behind this one: by its path and conditions, not its sense."""
    path = (
        match.get("prefix") == "/"
        or match.get("path_separated_prefix") == "/"
        or read.text(read.obj(match, "safe_regex"), "regex") == ".*"
    )
    conditions = ("headers", "query_parameters", "dynamic_metadata")
    return path and not any(match.get(key) for key in conditions)


def spelled(match: Any) -> tuple[str, str] | None:
    """The kind and value of a StringMatch; None where it asks only that something is there."""
    for kind in ("exact", "prefix", "regex"):
        if isinstance(match, Mapping) and isinstance(match.get(kind), str):
            return kind, match[kind]
    return None


def string_match(match: Any) -> Json | None:
    """Envoy's StringMatcher; None where there is nothing to compare with."""
    found = spelled(match)
    if found is None:
        return None
    kind, value = found
    return {"safe_regex": {"regex": value}} if kind == "regex" else {kind: value}


def _path(uri: Any) -> Json:
    found = spelled(uri)
    if found is None:
        return EVERYTHING
    kind, value = found
    match kind:
        case "exact":
            return {"path": value}
        case "prefix":
            return {"prefix": value}
    return {"safe_regex": {"regex": value}}


def _headers(match: Json) -> list[Json]:
    """Those of the match by name, then method, authority and scheme."""
    found: list[Json] = []
    for name, value in read.obj(match, "headers").items():
        if not _is_claim(name):
            found.append({"name": name, **_value(value)})
    for name, value in read.obj(match, "withoutHeaders").items():
        if not _is_claim(name):
            missing = {} if _asks_presence(value) else {"treat_missing_header_as_empty": True}
            found.append({"name": name, **_value(value), "invert_match": True, **missing})
    found.sort(key=lambda header: str(header["name"]))
    own = (key for key in ("method", "authority", "scheme") if match.get(key) is not None)
    return [*found, *({"name": f":{key}", **_value(match[key])} for key in own)]


def _asks_presence(value: Any) -> bool:
    """`regex: "*"` is no expression; istiod takes it for "is there"."""
    return spelled(value) in (None, ("regex", "*"))


def _value(value: Any) -> Json:
    if _asks_presence(value):
        return {"present_match": True}
    return {"string_match": string_match(value)}


def _is_claim(name: str) -> bool:
    return bool(claim_path(name))


def _claims(match: Json) -> list[Json]:
    """Conditions on the claims of a JWT, which stand among the headers."""
    found: list[Json] = []
    for key in ("headers", "withoutHeaders"):
        for name, value in read.obj(match, key).items():
            if path := claim_path(name):
                turned = {"invert": True} if key == "withoutHeaders" else {}
                found.append({**_claim(path, string_match(value) or {}), **turned})
    return found


def _claim(path: list[str], value: Json) -> Json:
    """A claim that is the value, or a list with the value in it."""
    wanted = {"string_match": value}
    return {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": key} for key in ("payload", *path)],
        "value": {"or_match": {"value_matchers": [{"list_match": {"one_of": wanted}}, wanted]}},
    }


def claim_path(name: str) -> list[str]:
    """`@request.auth.claims[a][b]` or `@request.auth.claims.a.b` is the claim b of a.

    Empty for a header that names no claim.
    """
    if not name.lower().startswith(_CLAIMS):
        return []
    rest = name[len(_CLAIMS) :]
    if rest.startswith(".") and len(rest) > 1:
        return rest[1:].split(".")
    if rest.startswith("[") and rest.endswith("]") and len(rest) > 2:
        return rest[1:-1].split("][")
    return []
