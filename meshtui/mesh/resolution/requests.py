"""Which virtual host and which route a request takes, as Envoy tries them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.mesh import read
from meshtui.mesh.conditions import ConditionResult, all_of, on_header, on_path, on_query
from meshtui.mesh.istio import Json
from meshtui.mesh.model import StringMatch
from meshtui.mesh.request import Request, best_domain
from meshtui.mesh.resolution.routes import Route
from meshtui.mesh.resolution.tables import VirtualHost

_PRESENT = StringMatch("present")


def answering(hosts: Iterable[VirtualHost], request: Request) -> VirtualHost | None:
    """The virtual host whose domain fits best; None where the proxy's own rest answers."""
    domains = {domain: host for host in hosts for domain in host.domains}
    best = best_domain(list(domains), request.hostname)
    return domains[best] if best is not None else None


def takes(route: Route, request: Request, separately: bool | None = None) -> ConditionResult:
    """Whether a route takes a request; not known where that can't be decided here.

    `separately`: whether the proxy compares each value of a repeated header, if that is known.
    """
    return all_of(_conditions(route.match, request, separately))


def _conditions(
    match: Json, request: Request, separately: bool | None
) -> Iterator[ConditionResult]:
    ignore_case = match.get("case_sensitive") is False
    yield on_path(_path(match), ignore_case, request)
    for header in read.objects(match, "headers"):
        yield on_header(
            read.text(header, "name"),
            _value(header),
            request,
            invert=header.get("invert_match") is True,
            missing_is_empty=header.get("treat_missing_header_as_empty") is True,
            separately=separately,
        )
    for parameter in read.objects(match, "query_parameters"):
        yield on_query(read.text(parameter, "name"), _value(parameter), request)
    if match.get("dynamic_metadata"):
        yield ConditionResult(None, "claims of a token are not known here")


def _path(match: Json) -> StringMatch:
    if "safe_regex" in match:
        return StringMatch("regex", read.text(read.obj(match, "safe_regex"), "regex"))
    if "path" in match:
        return StringMatch("exact", read.text(match, "path"))
    if "path_separated_prefix" in match:
        return StringMatch("path prefix", read.text(match, "path_separated_prefix"))
    return StringMatch("prefix", read.text(match, "prefix"))


def _value(condition: Json) -> StringMatch:
    wanted = read.obj(condition, "string_match")
    if not wanted:
        return _PRESENT
    if "safe_regex" in wanted:
        return StringMatch("regex", read.text(read.obj(wanted, "safe_regex"), "regex"))
    kind = next(iter(wanted))
    return StringMatch(kind, read.text(wanted, kind))
