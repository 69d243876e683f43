"""Whatever the API server does, a call gives its answer or one of the named errors."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing
from pathlib import Path

import pytest
from hostile import (
    Hostile,
    Reply,
    Stream,
    answer,
    hostile_cluster,
    ok,
    raw,
    silence,
    status,
    write_kubeconfig,
)

from meshtui.errors import (
    Exit,
    MeshtuiError,
    NotAllowed,
    NotFound,
    Refused,
    Unreachable,
)
from meshtui.kube import exchange, transport
from meshtui.kube.cluster import Cluster
from meshtui.kube.failures import Expired, Unanswered
from meshtui.kube.http import packing

PATH = "/api/v1/services"


@pytest.fixture(params=["light", "aiohttp"], autouse=True)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clients: the light one, and the one that is used where a proxy is in between."""
    if request.param == "aiohttp":
        monkeypatch.setattr(transport, "needs_proxy", lambda _: True)


async def failure_of(tmp_path: Path, *replies: Reply, method: str = "GET") -> MeshtuiError:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, *replies)
        with pytest.raises(MeshtuiError) as caught:
            if method == "GET":
                await cluster.get(PATH, timeout=2.0)
            else:
                await cluster.send(method, PATH, [], timeout=0.5)
        return caught.value


async def test_an_answer_is_given_as_json(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, ok({"items": []}))
        assert await cluster.get(PATH, {"labelSelector": "app=a b"}) == {"items": []}
        assert hostile.requests[0].params == {"labelSelector": "app=a b"}
        assert hostile.requests[0].headers["authorization"] == "Bearer secret"
        assert (cluster.context, cluster.namespace, cluster.user) == ("test", "shop", "u")
        assert cluster.server == hostile.url


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Refused),
        (401, NotAllowed),
        (403, NotAllowed),
        (404, NotFound),
        (409, Refused),
        (410, Expired),
        (415, Refused),
        (422, Refused),
        (429, Unreachable),
        (500, Unreachable),
        (501, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (599, Unreachable),
    ],
)
async def test_each_status_is_one_named_error_with_the_servers_words(
    tmp_path: Path, code: int, kind: type[MeshtuiError]
) -> None:
    error = await failure_of(tmp_path, status(code, 'User "viewer" may not'))
    assert type(error) is kind or isinstance(error, kind)
    assert 'User "viewer" may not' in str(error)
    assert PATH in str(error)


async def test_control_characters_in_a_message_do_not_reach_the_terminal(tmp_path: Path) -> None:
    error = await failure_of(tmp_path, status(403, "\x1b[2Jbad\r\n\u202etxt\x9b1m" + "x" * 999))
    assert r"^[[2Jbad··\u202etxt\x9b1m" in error.what
    assert len(error.what) < 400
    assert str(error).isprintable()


async def test_causes_are_told_where_the_message_does_not(tmp_path: Path) -> None:
    causes = [{"message": "must be positive", "field": "spec.x"}, {"message": "is invalid"}]
    error = await failure_of(tmp_path, status(422, "it is invalid", details={"causes": causes}))
    assert error.what.endswith("it is invalid (spec.x: must be positive)")


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"", reset=True),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", reset=True),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        answer(200, b'{"items": [{"a"'),
        answer(200, b"<html>please log in</html>", Content_Type="text/html"),
        answer(200, b""),
        answer(200, b"\xff\xfe\x00"),
        answer(200, b"[" * 100_000),
        answer(503, b"<html>bad gateway</html>"),
        answer(302, b"", Location="ftp://elsewhere/"),
        answer(302, b"", Location=PATH),
    ],
)
async def test_a_broken_answer_is_unreachable_and_never_a_traceback(
    tmp_path: Path, reply: Reply
) -> None:
    error = await failure_of(tmp_path, reply)
    assert isinstance(error, Unreachable)
    assert "127.0.0.1" in str(error)
    assert str(error).isprintable()


async def test_a_silent_server_is_given_up_within_the_time_limit(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, silence)
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1.* does not answer in time"):
            await cluster.get(PATH, timeout=0.05)


async def test_a_write_without_an_answer_says_it_may_have_been_done(tmp_path: Path) -> None:
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")
    for reply in (silence, raw(b"", reset=True), half, answer(200, b"{"), status(504, "late")):
        error = await failure_of(tmp_path, reply, method="PATCH")
        assert isinstance(error, Unanswered)
        assert "may have been done" in error.hint


async def test_a_write_that_etcd_did_not_confirm_may_have_been_done(tmp_path: Path) -> None:
    late = status(500, "etcdserver: request timed out")
    assert isinstance(await failure_of(tmp_path, late, method="PATCH"), Unanswered)
    assert not isinstance(await failure_of(tmp_path, late), Unanswered)
    webhook = status(500, 'Internal error occurred: failed calling webhook "validation.istio.io"')
    assert not isinstance(await failure_of(tmp_path, webhook, method="PATCH"), Unanswered)


async def test_no_server_at_all_names_it_and_is_quick(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{unused.getsockname()[1]}"
        config = write_kubeconfig(tmp_path / "config", server)
        cluster = await Cluster.connect(kubeconfig=config)
        with pytest.raises(Unreachable, match=server) as caught:
            await cluster.send("PATCH", PATH, [])
        await cluster.close()
    assert caught.value.exit is Exit.UNREACHABLE
    assert not isinstance(caught.value, Unanswered)


async def test_a_busy_server_is_asked_again_after_the_time_it_names(tmp_path: Path) -> None:
    busy = [status(code, "busy", Retry_After="0") for code in (429, 503)]
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, *busy, ok({"done": True}))
        assert await cluster.get(PATH) == {"done": True}
        assert len(hostile.asked(PATH)) == 3


@pytest.mark.parametrize(
    ("method", "after", "times"),
    [("GET", "0", 11), ("GET", "3600", 1), ("GET", "soon", 1), ("POST", "0", 11)],
)
async def test_a_server_that_stays_busy_is_not_asked_for_ever(
    tmp_path: Path, method: str, after: str, times: int
) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, status(429, "too many requests", Retry_After=after))
        with pytest.raises(Unreachable, match="too many requests") as caught:
            await (cluster.get(PATH) if method == "GET" else cluster.send(method, PATH, {}))
        assert not isinstance(caught.value, Unanswered)
        assert len(hostile.asked(PATH)) == times


async def test_an_endless_answer_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "LARGEST_ANSWER", 2**20)
    error = await failure_of(tmp_path, answer(200, b" " * 2**21))
    assert isinstance(error, Unreachable)
    assert "more than 1 MiB" in str(error)


async def test_an_error_page_without_end_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "LARGEST_ERROR", 2**16)
    error = await failure_of(tmp_path, answer(500, b"x" * 2**21))
    assert isinstance(error, Unreachable)
    assert "xxxx" in error.what


async def test_a_read_only_connection_writes_nothing(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path, read_only=True) as (hostile, cluster):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(NotAllowed, match="read-only"):
                await cluster.send(method, PATH, {})
        for path in (
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x",
            "/apis/authorization.k8s.io/v1/../../../api/v1/reviews",
        ):
            with pytest.raises(NotAllowed):
                await cluster.send("POST", path, {})
        assert hostile.requests == []


async def test_a_read_only_connection_may_ask_and_may_run_dry(tmp_path: Path) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    async with hostile_cluster(tmp_path, read_only=True) as (hostile, cluster):
        hostile.on(review, ok({"status": {"allowed": True}}, 201))
        hostile.on(PATH, ok({"dry": True}))
        assert await cluster.send("POST", review, {}) == {"status": {"allowed": True}}
        assert await cluster.send("PATCH", PATH, [], params={"dryRun": "All"}) == {"dry": True}


@pytest.mark.parametrize(
    ("body", "params"),
    [({}, {"dryRun": "All"}), ({"dryRun": []}, {"dryRun": "All"}), ([], {"dryRun": "All"})],
)
async def test_a_delete_whose_body_says_nothing_of_a_dry_run_is_a_write(
    tmp_path: Path, body: object, params: dict[str, str]
) -> None:
    async with hostile_cluster(tmp_path, read_only=True) as (hostile, cluster):
        hostile.on(PATH, ok({"dry": True}))
        with pytest.raises(NotAllowed, match="read-only"):
            await cluster.send("DELETE", PATH, body, params=params)
        assert await cluster.send("DELETE", PATH, {"dryRun": ["All"]}) == {"dry": True}
        assert len(hostile.requests) == 1


def hostile_token(hostile: Hostile, good: str) -> Reply:
    async def reply(request, writer):  # type: ignore[no-untyped-def]
        accepted = request.headers.get("authorization") == f"Bearer {good}"
        return await (ok({"in": True}) if accepted else status(401, "Unauthorized"))(
            request, writer
        )

    return reply


async def test_a_refused_token_is_read_again_once(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    async with hostile_cluster(tmp_path, {"tokenFile": "token"}) as (hostile, cluster):
        hostile.on(PATH, hostile_token(hostile, "new"))
        token.write_text("new\n")
        answers = await asyncio.gather(*(cluster.get(PATH) for _ in range(5)))
        assert answers == [{"in": True}] * 5


async def test_a_plugins_token_is_asked_for_again_when_it_is_refused(tmp_path: Path) -> None:
    count = tmp_path / "count"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "TOKEN", "expirationTimestamp": "2999-01-01T00:00:00Z"},
    }
    script = f"echo x >> {count}; n=$(grep -c x {count}); echo '{json.dumps(credential)}' "
    script += "| sed s/TOKEN/token-$n/"
    plugin = {"apiVersion": credential["apiVersion"], "command": "sh", "args": ["-c", script]}
    async with hostile_cluster(tmp_path, {"exec": plugin}) as (hostile, cluster):
        hostile.on(PATH, hostile_token(hostile, "token-2"))
        answers = await asyncio.gather(*(cluster.get(PATH) for _ in range(5)))
        assert answers == [{"in": True}] * 5
        assert count.read_text() == "x\nx\n"


async def test_a_token_refused_for_good_is_not_allowed(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, status(401, "Unauthorized"))
        for _ in range(3):
            with pytest.raises(NotAllowed, match="log in again"):
                await cluster.get(PATH)
        assert len(hostile.asked(PATH)) == 4


async def test_lines_come_one_by_one_whatever_the_chunks(tmp_path: Path) -> None:
    stream = Stream()
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, stream)
        for piece in (b"on", b"e\r\n\ntw", b"o\n" + b"y" * 5000 + b"\nlast"):
            stream.send(piece)
        stream.end()
        lines = [line async for line in cluster.lines(PATH, longest=100)]
        assert lines == [b"one", b"", b"two", b"y" * 100, b"last"]


async def test_a_line_longer_than_every_buffer_is_cut(tmp_path: Path) -> None:
    stream = Stream()
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, stream)
        for _ in range(12):
            stream.send(b"z" * 2**20)
        stream.send(b"\nnext\n")
        stream.end()
        lines = [line async for line in cluster.lines(PATH)]
        assert [len(line) for line in lines] == [2**20, 4]


async def test_a_stream_that_falls_silent_is_unreachable(tmp_path: Path) -> None:
    stream = Stream()
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, stream)
        stream.send(b"hello\n")
        lines = cluster.lines(PATH, silence=0.1)
        assert await anext(lines) == b"hello"
        with pytest.raises(Unreachable, match="does not answer in time"):
            await anext(lines)


async def test_a_stream_that_breaks_gives_what_came_before(tmp_path: Path) -> None:
    stream = Stream()
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, stream)
        stream.send(b"hello\nhal")
        lines = cluster.lines(PATH)
        assert await anext(lines) == b"hello"
        stream.reset()
        with pytest.raises(Unreachable, match="broke the connection"):
            await anext(lines)


async def test_a_stream_that_is_refused_says_why(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on(PATH, status(403, "no logs for you"))
        with pytest.raises(NotAllowed, match="no logs for you"):
            async with aclosing(cluster.lines(PATH)) as lines:
                await anext(lines)


async def test_a_refused_port_forward_says_which_pod(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on("/api/v1/namespaces/shop/pods/p/portforward", status(403, "no"))
        with pytest.raises(NotAllowed, match="port-forward to shop/p:15000"):
            await cluster.port_forward("shop", "p", 15000)
        with pytest.raises(NotFound):
            await cluster.port_forward("shop", "q", 15000)


@pytest.mark.parametrize(
    ("host", "packed"),
    [
        ("http://127.0.0.1:1", False),
        ("http://[::1]:1", False),
        ("http://localhost:1", False),
        ("http://10.0.0.1:1", True),
        ("http://api.example.com", True),
    ],
)
def test_answers_are_packed_where_there_is_a_line(host: str, packed: bool) -> None:
    assert ("gzip" in packing(host)) is packed


async def test_a_server_on_this_machine_is_asked_for_plain_answers(tmp_path: Path) -> None:
    async with hostile_cluster(tmp_path) as (hostile, cluster):
        hostile.on("/version", ok({}))
        await cluster.get("/version")
        assert hostile.requests[-1].headers["accept-encoding"] == "identity"
