"""A destination outside of the cluster, by its whole host, for every verb that names one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from meshtui.canary.route import find_route
from meshtui.changes.breaker_ops import bypassed, passed_by
from meshtui.changes.build import build_change
from meshtui.changes.change import ClearBreaker, SetBreaker, Target
from meshtui.changes.ejecting import ejecting_none
from meshtui.changes.locate import resolve_service
from meshtui.changes.requests import _MAKERS, request_of
from meshtui.cli.main import main
from meshtui.errors import Exit, NotFound
from meshtui.mesh.model import Mesh, Ref, ServiceKey
from meshtui.mesh.registered import ServiceEntry
from meshtui.mesh.view import service_views
from meshtui.operations.canary.preflight import objections
from meshtui.operations.change.written_objects import mesh_after
from meshtui.operations.session import Session
from meshtui.verbs import BY_NAME
from meshtui.verbs.line_values import parse_words
from tests.unit.resolving import Obj, made, mesh_of, pod, rules, service, to
from tests.unit.test_exit_codes import CHANGING, READING, World, world

__all__ = ["world"]

KEY = ServiceKey("a", "rev")
OUTSIDE = "api.example.com"

LINES = {
    "shift": f"shift {OUTSIDE}=40",
    "promote": f"promote {OUTSIDE}",
    "rollback": f"rollback {OUTSIDE}",
    "mirror": f"mirror {OUTSIDE}",
    "fault": "fault delay 1s",
    "timeout": "timeout 5s",
    "breaker": "breaker max-connections 5",
}


def mesh(*more: Obj) -> Mesh:
    ports = [{"number": 9080, "name": "http", "protocol": "HTTP"}]
    outside = {"destination": {"host": OUTSIDE, "port": {"number": 9080}}, "weight": 30}
    return mesh_of(
        service(),
        pod("rev", "v1", 1),
        made(
            "DestinationRule",
            "rev",
            host="rev",
            subsets=[{"name": "v1", "labels": {"version": "v1"}}],
        ),
        rules("rev", {"route": [to("v1", 70), outside]}),
        made("ServiceEntry", "ext", hosts=[OUTSIDE], ports=ports, resolution="DNS"),
        *more,
    )


def test_every_verb_is_tried() -> None:
    assert LINES.keys() == _MAKERS.keys()


@pytest.mark.parametrize("verb", LINES)
def test_a_host_outside_is_a_destination_as_any(verb: str) -> None:
    line = parse_words(BY_NAME[verb], LINES[verb].split()[1:])
    change = build_change(mesh(), request_of(verb, line), Target(KEY))
    assert change.patch and change.inverse
    assert any(OUTSIDE in one for one in change.words) == (OUTSIDE in LINES[verb])


def test_its_row_has_its_whole_name() -> None:
    view = next(one for one in service_views(mesh(), None) if one.key == KEY)
    assert OUTSIDE in [row.label for row in view.versions]
    assert str(ServiceKey("a", OUTSIDE)) == OUTSIDE


def entry(name: str, *hosts: str) -> ServiceEntry:
    return ServiceEntry(Ref("ServiceEntry", "a", name), hosts=hosts)


BETWEEN = rules("between", {"route": [
    {"destination": {"host": "one.example.com"}, "weight": 70},
    {"destination": {"host": "two.example.com"}, "weight": 30},
]}, hosts=["one.example.com"])  # fmt: skip

HOSTS = {
    OUTSIDE: "is a host of ServiceEntry a/ext and no Service of the cluster:"
    " name the service whose rule sends to it: rev.a",
    "API.Example.com": "is a host of ServiceEntry a/ext and no Service of the cluster:"
    " name the service whose rule sends to it: rev.a",
    "one.example.com": "is a host of ServiceEntry a/several and no Service of the cluster:"
    " its rules are in vs/between.a: `meshtui edit` changes them",
    "two.example.com": "is a host of ServiceEntry a/several and no Service of the cluster:"
    " its rules are in vs/between.a: `meshtui edit` changes them",
    "x.wild.example.com": "is a host of ServiceEntry a/wild and no Service of the cluster:"
    " no rule sends to it",
    "*.wild.example.com": "is a host of ServiceEntry a/wild and no Service of the cluster:"
    " no rule sends to it",
}
"""One host, one written otherwise, two that a VirtualService routes between, and wildcards."""


def around() -> Mesh:
    found = mesh(BETWEEN)
    more = entry("several", "one.example.com", "two.example.com"), entry("wild", HOSTS_WILD)
    return replace(found, service_entries=(*found.service_entries, *more))


HOSTS_WILD = "*.wild.example.com"

OF_A_SERVICE = {
    name: line
    for name, line in (*CHANGING.items(), *READING.items())
    if "reviews" in line and name not in ("proxy", "undo")
}
"""Every command that takes a service; `proxy` takes a pod, `undo` a change."""


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", OF_A_SERVICE)
def test_asked_for_as_a_service_every_command_says_in_a_line_what_to_name(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, host: str,
) -> None:  # fmt: skip
    async def read_mesh(_: Session) -> Mesh:
        return around()

    monkeypatch.setattr(Session, "read_mesh", read_mesh)
    line = OF_A_SERVICE[name].replace("vs/reviews", "reviews").replace("reviews", host)
    assert main(line.split()) == Exit.FAILED
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"meshtui: {host} {HOSTS[host]}\n")
    assert not world.routed.writes


@pytest.mark.parametrize("host", HOSTS)
def test_the_screen_says_the_same_of_a_name_after_the_colon(host: str) -> None:
    with pytest.raises(NotFound, match=re.escape(HOSTS[host])):
        resolve_service(around(), host, "a")


def test_what_nobody_knows_is_no_host_outside() -> None:
    with pytest.raises(NotFound, match="no service nope"):
        resolve_service(around(), "nope", "a")


LIMITS = SetBreaker(OUTSIDE, {"max_connections": 5})
OWN = made("DestinationRule", "own", host=OUTSIDE, trafficPolicy={"tls": {"mode": "SIMPLE"}})
WIDE = made(
    "DestinationRule", "wide", host="*.example.com", trafficPolicy={"tls": {"mode": "SIMPLE"}}
)


@pytest.mark.parametrize(
    ("more", "target", "spec"),
    {
        "none has limits": (
            (),
            OUTSIDE,
            {"host": OUTSIDE, "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}}},
        ),
        "it has a DestinationRule": (
            (OWN,),
            "own",
            {
                "host": OUTSIDE,
                "trafficPolicy": {
                    "tls": {"mode": "SIMPLE"},
                    "connectionPool": {"tcp": {"maxConnections": 5}},
                },
            },
        ),
        "a wildcard's": (
            (WIDE,),
            OUTSIDE,
            {
                "host": OUTSIDE,
                "trafficPolicy": {
                    "tls": {"mode": "SIMPLE"},
                    "connectionPool": {"tcp": {"maxConnections": 5}},
                },
            },
        ),
    }.values(),
)
def test_a_breaker_for_it_is_in_a_destination_rule_of_its_own(
    more: tuple[Obj, ...], target: str, spec: Obj
) -> None:
    found = mesh(*more)
    change = build_change(found, LIMITS, Target(KEY))
    assert (change.target.name, change.service) == (target, KEY)
    assert change.spec_after == spec
    after = mesh_after(found, change)
    assert (passed_by(after, change), bypassed(after, change)) == ((), ())
    assert ejecting_none(found, after, change) == ()


def test_where_it_has_no_limits_there_are_none_to_take_off() -> None:
    with pytest.raises(NotFound, match=re.escape(f"{OUTSIDE} has no DestinationRule of its own")):
        build_change(mesh(), ClearBreaker(OUTSIDE), Target(KEY))


@pytest.mark.parametrize("canary", ["v1", OUTSIDE])
def test_a_canary_may_go_to_it_and_back_to_it(canary: str) -> None:
    """It has no pods that could lack, or be ready."""
    found = mesh()
    located, facts = find_route(found, Target(KEY), canary)
    said = [caution.text for caution in objections(found, located, facts, None)]
    assert not any("pod" in text for text in said)
