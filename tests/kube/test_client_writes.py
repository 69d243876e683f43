"""Every write, and everything that may come back: refused, done, or not known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import (
    Hostile,
    Reply,
    answer,
    hostile_cluster,
    hostile_server,
    ok,
    raw,
    silence,
    status,
)

from meshtui.errors import Conflict, MeshtuiError, NotAllowed, NotFound, Refused, Unreachable
from meshtui.kube.cluster import Cluster
from meshtui.kube.exec import run_in_pod
from meshtui.kube.failures import Unanswered
from meshtui.kube.objects import Written, create_object, delete_object, patch_json
from meshtui.kube.patience import Patience
from meshtui.kube.resources import SERVICES
from meshtui.mesh.model import Pod
from meshtui.metrics.discovery import PrometheusAddress
from meshtui.metrics.prometheus_service import ServiceServer
from meshtui.metrics.scrape import Scraper
from meshtui.metrics.worker import Worker

PLACE = "/api/v1/namespaces/shop/services"
OBJECT = {"kind": "Service", "metadata": {"name": "a", "resourceVersion": "8"}, "spec": {}}
DELETED = {"kind": "Status", "status": "Success"}

Write = Callable[..., Awaitable[Written]]


async def create(cluster: Cluster, **more: Any) -> Written:
    return await create_object(cluster, SERVICES, "shop", {"metadata": {"name": "a"}}, **more)


async def patch(cluster: Cluster, **more: Any) -> Written:
    return await patch_json(cluster, SERVICES, "shop", "a", [], resource_version="7", **more)


async def delete(cluster: Cluster, **more: Any) -> Written:
    return await delete_object(cluster, SERVICES, "shop", "a", resource_version="7", **more)


WRITES = (create, patch, delete)
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)


class Naps:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def served(tmp_path: Path, naps: Naps) -> AsyncIterator[tuple[Hostile, Cluster]]:
    patience = Patience(clock=lambda: naps.now, sleep=naps.sleep)
    async with hostile_cluster(tmp_path, patience=patience) as found:
        yield found


def script(hostile: Hostile, *replies: Reply) -> None:
    for path in (PLACE, f"{PLACE}/a"):
        hostile.on(path, *replies)


def good(write: Write) -> Reply:
    return ok(DELETED if write is delete else OBJECT)


async def error_of(hostile: Hostile, cluster: Cluster, write: Write, *replies: Reply) -> Any:
    script(hostile, *replies)
    with pytest.raises(MeshtuiError) as caught:
        await write(cluster)
    return caught.value


@each_write
async def test_fields_are_validated_strictly_also_on_a_dry_run(
    served: tuple[Hostile, Cluster], write: Write
) -> None:
    hostile, cluster = served
    script(hostile, good(write))
    await write(cluster)
    await write(cluster, dry_run=True)
    wet, dry = hostile.requests
    if write is delete:
        assert (wet.params, dry.params) == ({}, {})
        assert ("dryRun" in wet.json, dry.json["dryRun"]) == (False, ["All"])
    else:
        strict = {"fieldManager": "meshtui", "fieldValidation": "Strict"}
        assert wet.params == strict
        assert dry.params == {**strict, "dryRun": "All"}


STRICT = {
    422: ' "" is invalid: patch: Invalid value: "{\\"spec\\":{\\"padding\\":\\"%s\\"}}": '
    'strict decoding error: unknown field "spec.http[0].route[0].wieght", '
    'unknown field "spec.x"',
    400: 'VirtualService in version "v1" cannot be handled as a VirtualService: '
    'strict decoding error: unknown field "spec.http[0].route[0].wieght", '
    'unknown field "spec.x"',
}


@pytest.mark.parametrize("code", STRICT)
async def test_a_misspelt_field_is_named_however_long_the_object(
    served: tuple[Hostile, Cluster], code: int
) -> None:
    message = STRICT[code].replace("%s", "x" * 300_000)
    cause = message.partition("patch: ")[2]
    causes = {"causes": [{"field": "patch", "message": cause}]} if cause else {}
    reply = status(code, message, "Invalid", causes)
    error = await error_of(*served, patch, reply)
    assert isinstance(error, Refused)
    assert error.what == (
        f'PATCH {PLACE}/a: unknown field "spec.http[0].route[0].wieght", unknown field "spec.x"'
    )
    assert error.hint == "check how it is spelt"


def warned(*lines: str, body: Any = OBJECT) -> Reply:
    text = json.dumps(body).encode()
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(text)}", *(f"Warning: {x}" for x in lines)]
    return raw("\r\n".join([*head, "", ""]).encode() + text)


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        ([], ()),
        (['299 - "unknown field \\"spec.x\\""'], ('unknown field "spec.x"',)),
        (['299 - "one"', '299 - "two"', '299 - "one"'], ("one", "two")),
        (['299 - "one, with a comma", 299 kube "two"'], ("one, with a comma", "two")),
        (['299 - "a back\\\\slash"'], ("a back\\slash",)),
        (['110 - "Response is Stale"', '299 - ""', "299 - unquoted", '299 - "open'], ()),
        (['299 - "\x1b]52;c;eA==\x07 red"'], ("^[]52;c;eA==^G red",)),
        (['299 - "dated" "Fri, 27 Nov 2026 00:00:00 GMT"'], ("dated",)),
    ],
)
async def test_warnings_come_with_the_answer(
    served: tuple[Hostile, Cluster], lines: list[str], texts: tuple[str, ...]
) -> None:
    hostile, cluster = served
    for dry_run in (False, True):
        script(hostile, warned(*lines))
        written = await patch(cluster, dry_run=dry_run)
        assert (written.object, written.warnings) == (OBJECT, texts)


@each_write
async def test_hundreds_of_warnings_do_not_lose_the_answer(
    served: tuple[Hostile, Cluster], write: Write
) -> None:
    hostile, cluster = served
    body = DELETED if write is delete else OBJECT
    script(hostile, warned(*(f'299 - "policy {n}"' for n in range(1000)), body=body))
    written = await write(cluster)
    assert len(written.warnings) == 51
    assert (written.warnings[0], written.warnings[-1]) == (
        "policy 0",
        "950 more warnings of the server",
    )


@each_write
@pytest.mark.parametrize(
    "reply",
    [
        warned(*('299 - "x"' for _ in range(200_000))),
        warned(f'299 - "{"x" * 3_000_000}"'),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", reset=True),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"", reset=True),
        raw(b""),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        ok({}),
        ok([]),
        ok(None),
        ok("done"),
        ok({"metadata": []}),
        ok({"kind": "Service", "metadata": {"name": 7, "resourceVersion": "8"}}),
        answer(200, b""),
        answer(200, b'{"kind": "Service", "metadata": {"name": "a", "resourceV'),
        answer(200, b"<html>please log in</html>", Content_Type="text/html"),
        answer(200, b"\xff\xfe\x00"),
        answer(503, b"<html>no healthy upstream</html>"),
        answer(503, b"upstream connect error or disconnect/reset before headers"),
        answer(502, b""),
        answer(520, b""),
        status(500, "etcdserver: request timed out"),
        status(503, "the server is currently unable to handle the request"),
        status(503, "busy", Retry_After="1"),
        status(504, "Timeout: request did not complete within the allotted timeout"),
    ],
)
async def test_an_answer_that_says_nothing_certain_leaves_the_outcome_open(
    served: tuple[Hostile, Cluster], write: Write, reply: Reply
) -> None:
    """And the write is not sent twice."""
    hostile, cluster = served
    error = await error_of(hostile, cluster, write, reply)
    assert isinstance(error, Unanswered)
    assert "may have been done" in error.hint
    assert str(error).isprintable()
    assert len(hostile.requests) == 1


@each_write
async def test_the_answer_of_another_object_leaves_the_outcome_open(
    served: tuple[Hostile, Cluster], write: Write
) -> None:
    other = {"kind": "Pod", "metadata": {"name": "b", "resourceVersion": "8"}}
    assert isinstance(await error_of(*served, write, ok(other)), Unanswered)


@each_write
async def test_a_write_that_no_one_answers_leaves_the_outcome_open(
    served: tuple[Hostile, Cluster], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile, cluster = served
    script(hostile, silence)
    real = cluster.write

    async def hasty(*words: Any, **more: Any) -> Any:
        return await real(*words, **{**more, "timeout": 0.1})

    monkeypatch.setattr(cluster, "write", hasty)
    with pytest.raises(Unanswered):
        await write(cluster)


BUSY = (429, 503)


@pytest.mark.parametrize("code", BUSY)
@each_write
async def test_a_dry_run_is_tried_again_when_the_server_is_busy(
    served: tuple[Hostile, Cluster], naps: Naps, write: Write, code: int
) -> None:
    hostile, cluster = served
    busy = [status(code, "busy", Retry_After=after) for after in ("1", "2")]
    script(hostile, *busy, good(write))
    await write(cluster, dry_run=True)
    assert (naps.slept, len(hostile.requests)) == ([1.0, 2.0], 3)


@each_write
async def test_a_write_is_tried_again_only_where_it_was_not_processed(
    served: tuple[Hostile, Cluster], naps: Naps, write: Write
) -> None:
    hostile, cluster = served
    script(hostile, *[status(429, "busy", Retry_After="1")] * 2, good(write))
    await write(cluster)
    assert (naps.slept, len(hostile.requests)) == ([1.0, 1.0], 3)


@each_write
async def test_a_busy_server_is_given_up_before_the_time_is_over(
    served: tuple[Hostile, Cluster], naps: Naps, write: Write
) -> None:
    hostile, cluster = served
    error = await error_of(hostile, cluster, write, status(429, "busy", Retry_After="3"))
    assert isinstance(error, Unreachable)
    assert not isinstance(error, Unanswered)
    assert (naps.slept, len(hostile.requests)) == ([3.0, 3.0, 3.0], 4)


HOOK = 'admission webhook "freeze.example.com" denied the request: '
POLICY = (
    'virtualservices.networking.istio.io "a" is forbidden: ValidatingAdmissionPolicy '
    "'freeze' with binding 'everywhere' denied request: "
)
WORDS = "change freeze until Monday"


@each_write
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503])
@pytest.mark.parametrize("reason", ["", "Conflict", "AlreadyExists", "Forbidden", "NotFound"])
async def test_what_a_webhook_denies_is_refused_in_its_words_whatever_its_status(
    served: tuple[Hostile, Cluster], write: Write, code: int, reason: str
) -> None:
    error = await error_of(*served, write, status(code, HOOK + WORDS, reason))
    assert type(error) is Refused
    assert error.what.endswith(HOOK + WORDS)
    assert error.hint == "it is a rule of this cluster, not a missing right"


@each_write
@pytest.mark.parametrize(
    ("code", "reason"),
    [(401, "Unauthorized"), (403, "Forbidden"), (413, "RequestEntityTooLarge"), (422, "Invalid")],
)
async def test_what_a_policy_denies_is_refused_in_its_words(
    served: tuple[Hostile, Cluster], write: Write, code: int, reason: str
) -> None:
    causes = {"causes": [{"message": WORDS}]}
    error = await error_of(*served, write, status(code, POLICY + WORDS, reason, causes))
    assert type(error) is Refused
    words = "ValidatingAdmissionPolicy 'freeze' with binding 'everywhere' denied request: "
    where = PLACE if write is create else f"{PLACE}/a"
    assert error.what.endswith(f"{where}: {words}{WORDS}")


RIGHT = (
    'services "a" is forbidden: User "viewer" cannot patch resource "services" in API group ""'
    ' in the namespace "shop"'
)
TERMINATING = {
    "causes": [{"reason": "NamespaceTerminating", "message": "is being terminated", "field": "x"}]
}


@pytest.mark.parametrize(
    ("code", "message", "reason", "details", "kind", "hint"),
    [
        (403, RIGHT, "Forbidden", {}, NotAllowed, "ask for this right"),
        (403, f"{RIGHT}: RBAC: role not found", "Forbidden", {}, NotAllowed, "ask for this right"),
        (403, "access denied", "Forbidden", {}, NotAllowed, "ask for this right"),
        (
            403,
            'services "a" is forbidden: unable to create new content in namespace shop because '
            "it is being terminated",
            "Forbidden",
            TERMINATING,
            Refused,
            "is being deleted",
        ),
        (
            403,
            'services "a" is forbidden: exceeded quota: few, requested: services=1, used: '
            "services=5, limited: services=5",
            "Forbidden",
            {},
            Refused,
            "quota is used up",
        ),
        (
            403,
            'services "a" is forbidden: violates PodSecurity "restricted:latest"',
            "Forbidden",
            {},
            Refused,
            "a rule of this cluster",
        ),
        (
            409,
            'Operation cannot be fulfilled on services "a": the object has been modified',
            "Conflict",
            {},
            Conflict,
            "",
        ),
        (409, 'services "a" already exists', "AlreadyExists", {}, Conflict, ""),
        (409, "the ledger is closed", "", {}, Refused, ""),
        (404, 'services "a" not found', "NotFound", {}, NotFound, ""),
        (500, 'Internal error occurred: failed calling webhook "v"', "", {}, Refused, ""),
    ],
)
async def test_who_says_no_is_told_apart(
    served: tuple[Hostile, Cluster],
    code: int,
    message: str,
    reason: str,
    details: Any,
    kind: type[MeshtuiError],
    hint: str,
) -> None:
    error = await error_of(*served, patch, status(code, message, reason, details))
    assert type(error) is kind
    assert message[:200] in error.what
    assert hint in error.hint


async def elsewhere(request: Any, writer: Any) -> bool:
    raise AssertionError("the redirect was followed")


@pytest.mark.parametrize("code", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("write", [create, patch, delete, None])
async def test_a_redirect_is_not_followed(
    served: tuple[Hostile, Cluster], code: int, write: Write | None
) -> None:
    hostile, cluster = served
    async with hostile_server() as other:
        for target in (f"{other.url}/steal", "/elsewhere"):
            script(hostile, answer(code, b"", Location=target))
            hostile.on("/elsewhere", elsewhere)
            with pytest.raises(Unreachable) as caught:
                await (write(cluster) if write else cluster.get(PLACE))
            assert not isinstance(caught.value, Unanswered)
            assert f"a redirect ({code}), which is not followed" in caught.value.what
        assert other.requests == []
        assert hostile.asked("/elsewhere") == []


async def log_line(cluster: Cluster) -> object:
    return await anext(cluster.lines("/api/v1/namespaces/shop/pods/p/log"))


async def stats_of_a_pod(cluster: Cluster) -> object:
    return await Scraper(cluster, 5.0).fetch(Pod("shop", "p"))


async def run_in_a_pod(cluster: Cluster) -> object:
    return await run_in_pod(cluster, "shop", "p", "istio-proxy", ("true",), limit=10)


async def forward_to_a_pod(cluster: Cluster) -> object:
    return await cluster.port_forward("shop", "p", 15000)


async def prometheus_in_the_cluster(cluster: Cluster) -> object:
    server = ServiceServer(cluster, PrometheusAddress("shop", "prom", 9090), Worker("test"))
    try:
        return await server.ask("up", None, 5.0)
    finally:
        await server.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "ask",
    [log_line, stats_of_a_pod, run_in_a_pod, forward_to_a_pod, prometheus_in_the_cluster],
    ids=lambda ask: ask.__name__,
)
async def test_what_sends_on_from_behind_the_api_server_is_not_followed(
    served: tuple[Hostile, Cluster], code: int, ask: Callable[[Cluster], Awaitable[object]]
) -> None:
    """The answer of a pod or of a Prometheus comes through the API server, with its Location."""
    hostile, cluster = served
    async with hostile_server() as other:
        for target in (f"{other.url}/steal", "/elsewhere"):
            hostile.anything = answer(code, b"", Location=target)
            hostile.on("/elsewhere", elsewhere)
            with pytest.raises(Unreachable, match=rf"a redirect \({code}\), which is not followed"):
                await ask(cluster)
        assert hostile.requests
        assert other.requests == []


HALF = b'{"items": [{"metadata": {"name": "a"'


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, HALF, Content_Type="application/json"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + HALF),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + HALF, reset=True),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n" + HALF, reset=True),
        raw(b"", reset=True),
        raw(b""),
    ],
)
async def test_an_answer_cut_in_half_is_read_again(
    served: tuple[Hostile, Cluster], reply: Reply
) -> None:
    hostile, cluster = served
    hostile.on(PLACE, reply, reply, ok({"items": []}))
    assert await cluster.get(PLACE) == {"items": []}
    hostile.on(PLACE, reply)
    hostile.requests.clear()
    with pytest.raises(Unreachable):
        await cluster.get(PLACE)
    assert len(hostile.requests) == 3


async def test_a_dry_run_whose_answer_is_lost_is_sent_again(
    served: tuple[Hostile, Cluster],
) -> None:
    hostile, cluster = served
    script(hostile, raw(b"", reset=True), ok(OBJECT))
    assert (await patch(cluster, dry_run=True)).object == OBJECT
