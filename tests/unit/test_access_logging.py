"""What proxies log, by meshConfig and Telemetry, and lines in a format of the mesh's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from meshtui.envoy.accesslog import is_unknown_format, parse_line
from meshtui.envoy.logfilter import parse_filter
from meshtui.envoy.logline import read_line
from meshtui.mesh.access_logging import LogFormat, log_settings, logging_of, parse_telemetry
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.settings import mesh_settings
from meshtui.operations.logs.formats import formats_of, not_logged
from tests.unit.objects import Obj, meta, pod

FILE = {"name": "lines", "envoyFileAccessLog": {"path": "/dev/stdout", "logFormat": {"text": "T"}}}
AWAY = {"name": "otel", "envoyOtelAls": {"service": "otel"}}
ELSEWHERE = {"name": "disk", "envoyFileAccessLog": {"path": "/var/log/envoy.log"}}
ON = {"accessLogFile": "/dev/stdout", "accessLogFormat": "MESH"}
PROVIDERS = {"extensionProviders": [FILE, AWAY, ELSEWHERE]}


def telemetry(name: str, namespace: str, *choices: Obj, **selector: str) -> Obj:
    chosen = {"selector": {"matchLabels": selector}} if selector else {}
    return {"metadata": meta(name, namespace), "spec": {**chosen, "accessLogging": list(choices)}}


def by(*names: str, **more: Any) -> Obj:
    return {"providers": [{"name": name} for name in names], **more}


ROOT, HOME = "istio-system", "default"
OFF = {"disabled": True}


@pytest.mark.parametrize(
    ("config", "telemetries", "formats"),
    [
        ({}, [], []),
        (ON, [], ["MESH"]),
        ({"accessLogFile": "/var/log/x"}, [], []),
        ({**PROVIDERS, "defaultProviders": {"accessLogging": ["lines"]}}, [], ["T"]),
        ({**PROVIDERS, "defaultProviders": {"accessLogging": ["otel"]}, **ON}, [], []),
        ({}, [telemetry("t", ROOT, by("envoy"))], [""]),
        (ON, [telemetry("t", ROOT, OFF)], []),
        (ON, [telemetry("t", ROOT, by())], ["MESH"]),
        ({**ON, **PROVIDERS}, [telemetry("t", HOME, by("lines"))], ["T"]),
        ({**ON, **PROVIDERS}, [telemetry("t", HOME, by("disk"))], []),
        (ON, [telemetry("t", "elsewhere", OFF)], ["MESH"]),
        (ON, [telemetry("t", HOME, OFF, app="ratings")], ["MESH"]),
        (ON, [telemetry("t", HOME, OFF, app="reviews")], []),
        (ON, [telemetry("r", ROOT, OFF), telemetry("n", HOME, by("envoy"))], ["MESH"]),
        (
            {**ON, **PROVIDERS},
            [telemetry("n", HOME, by("lines")), telemetry("w", HOME, OFF, app="reviews")],
            [],
        ),
        ({**ON, **PROVIDERS}, [telemetry("n", HOME, by("lines", "envoy"))], ["T", "MESH"]),
    ],
)
def test_what_a_proxy_writes(config: Obj, telemetries: list[Obj], formats: list[str]) -> None:
    found = logging_of(
        map(parse_telemetry, telemetries), log_settings(config), ROOT, HOME, {"app": "reviews"}
    )
    assert [form.text for form in found.formats] == formats


def test_a_pane_is_told_why_there_are_no_lines() -> None:
    def why(config: Obj, *telemetries: Obj, **more: Any) -> str:
        objects = {"pods": [pod("reviews", "v1")], "telemetries": list(telemetries)}
        mesh = parse_mesh(objects, settings=mesh_settings(config), **more)
        return not_logged(mesh, mesh.pods)

    assert why(ON) == ""
    assert "accessLogFile is empty and no Telemetry asks for one: set accessLogFile" in why({})
    assert "as Telemetry default/quiet says" in why(ON, telemetry("quiet", HOME, OFF))
    assert "as meshConfig.accessLogFile says" in why({"accessLogFile": "/var/log/x"})
    assert why({}, partial={"telemetries": frozenset[str]()}) == ""


TEXT = (
    '%START_TIME% code=%RESPONSE_CODE% flags=%RESPONSE_FLAGS% "%REQ(:METHOD)% '
    '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%" %REQ(X-TENANT):32% %DURATION%ms -> %UPSTREAM_CLUSTER%\n'
)
LINE = (
    '2026-11-27T18:00:00.000Z code=503 flags=UO "GET /a b" acme 12ms -> '
    "outbound|9080|v1|reviews.default.svc.cluster.local"
)


def test_a_line_of_the_meshs_own_text_format() -> None:
    assert parse_line(LINE) is None and is_unknown_format(LINE)
    found = parse_line(LINE, [LogFormat(TEXT)])
    assert found is not None and not is_unknown_format(LINE, [LogFormat(TEXT)])
    assert (found.code, found.flags, found.method, found.path) == (503, ("UO",), "GET", "/a b")
    assert (found.duration_ms, found.time) == (12, "2026-11-27T18:00:00.000Z")
    assert found.upstream_cluster.startswith("outbound|9080|v1|")
    line = read_line("default", "p", "v1", LINE, formats=(LogFormat(TEXT),))
    assert line.request is not None and parse_filter("code:5xx flag:UO")(line)


KEYS = {"s": "%RESPONSE_CODE%", "t": "%START_TIME%", "req.p": "%REQ(:PATH)%", "x": "fixed"}


def test_a_line_of_the_meshs_own_json() -> None:
    line = '{"s": 429, "t": "2026-11-27T18:00:00Z", "req": {"p": "/a"}, "x": "fixed"}'
    assert parse_line(line) is None
    found = parse_line(line, [LogFormat(keys=KEYS)])
    assert found is not None and (found.code, found.path) == (429, "/a")


@pytest.mark.parametrize(
    ("template", "value", "method", "path", "code"),
    [
        ("%REQ(:METHOD)% %REQ(:PATH)%", "GET /a b", "GET", "/a b", 200),
        ("%REQ(:METHOD)% to %REQ(:PATH)%", "GET /a", "", "", 200),  # does not fit
        ("%REQ(:METHOD)%%REQ(:PATH)%", "GET/a", "", "", 200),  # nothing tells where one ends
        ("%REQ(:METHOD)% %REQ(:PATH)%", 7, "", "", 200),
        ("%RESPONSE_CODE%: %REQ(:METHOD)%", "503: PUT", "PUT", "", 503),
    ],
)
def test_a_key_that_holds_several_fields(
    template: str, value: object, method: str, path: str, code: int
) -> None:
    keys = {"s": "%RESPONSE_CODE%", "what": template}
    line = json.dumps({"s": 200, "what": value})
    found = parse_line(line, [LogFormat(keys=keys)])
    assert found is not None
    assert (found.method, found.path, found.code) == (method, path, code)


def test_the_formats_of_meshconfig_and_of_a_provider() -> None:
    nested = '{"s": "%RESPONSE_CODE%", "req": {"p": "%REQ(:PATH)%"}}'
    settings = log_settings({"accessLogFormat": nested, "accessLogEncoding": "JSON"})
    assert settings.own.format.keys == {"s": "%RESPONSE_CODE%", "req.p": "%REQ(:PATH)%"}
    labels = {"envoyFileAccessLog": {"path": "/dev/stdout", "logFormat": {"labels": {"s": "%X%"}}}}
    found = log_settings({"extensionProviders": [{"name": "j", **labels}]})
    assert found.providers["j"].format.keys == {"s": "%X%"}
    broken: Mapping[str, Any] = {"accessLogFormat": "{", "accessLogEncoding": "JSON"}
    assert log_settings(broken).own.format == LogFormat()


@pytest.mark.parametrize(
    "text", ["", "no fields", "%RESPONSE_CODE%%DURATION%", "%START_TIME% only", "%RESPONSE_CODE% x"]
)
def test_a_format_that_does_not_fit_leaves_it_to_the_content(text: str) -> None:
    usual = '[2026-11-27T18:00:00Z] "GET / HTTP/1.1" 200 - 0 5 3 2 "-" "curl" "id" "a" "1.2.3.4:5"'
    found = parse_line(usual, [LogFormat(text)])
    assert found is not None and found.code == 200


def test_only_formats_of_the_meshs_own_are_passed_on() -> None:
    objects = {"pods": [pod("reviews", "v1"), pod("reviews", "v2", number=2)]}
    mesh = parse_mesh(objects, settings=mesh_settings(ON))
    assert formats_of(mesh, mesh.pods) == (LogFormat("MESH"),)
    plain = parse_mesh(objects, settings=mesh_settings({"accessLogFile": "/dev/stdout"}))
    assert formats_of(plain, plain.pods) == ()
