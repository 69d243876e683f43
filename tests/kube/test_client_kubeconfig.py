"""The kubeconfig is read as kubectl reads it, and every way it can be wrong is told in a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import hostile_server, ok, status, write_kubeconfig
from lab_fixtures import ADMIN, running_lab

from meshtui.errors import MeshtuiError, NotAllowed, NotFound, Unreachable, Usage
from meshtui.kube import credentials, in_pod
from meshtui.kube.cluster import Cluster
from meshtui.kube.kubeconfig import contexts
from meshtui.lab.certs import Certificate, self_signed
from meshtui.lab.kubeconfig import write_kubeconfig as write_lab_kubeconfig


@pytest.fixture(autouse=True)
def no_kubeconfig_of_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[Cluster]:
    cluster = await Cluster.connect(**options)
    try:
        yield cluster
    finally:
        await cluster.close()


def write(path: Path, **config: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return str(path)


def named(key: str, **entries: Any) -> list[Any]:
    return [{"name": name, key: value} for name, value in entries.items()]


async def test_without_a_kubeconfig_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"no kubeconfig found.*KUBECONFIG.*meshtui demo"):
        await Cluster.connect()
    with pytest.raises(Unreachable, match="no kubeconfig found at /nowhere"):
        await Cluster.connect(kubeconfig="/nowhere")


async def test_an_unknown_context_names_those_there_are(tmp_path: Path) -> None:
    config = write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
    with pytest.raises(Usage, match="no context named prod: there are: test"):
        await Cluster.connect(kubeconfig=config, context="prod")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "a: [",
        "\t",
        "contexts: [{name: a, context: {cluster: gone}}]\ncurrent-context: a",
        "contexts: [{name: a, context: null}]\ncurrent-context: a",
        "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a\n"
        "clusters: [{name: c, cluster: {server: 'ftp://x'}}]",
        "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a\n"
        "clusters: [{name: c, cluster: {}}]",
        "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a\n"
        "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority: gone}}]",
        "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a\n"
        "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: 'Zm9v'}}]",
    ],
)
async def test_a_kubeconfig_that_makes_no_sense_is_wrong_usage(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(MeshtuiError) as caught:
        await Cluster.connect(kubeconfig=str(path))
    assert isinstance(caught.value, Usage)
    assert str(caught.value).isprintable()


async def test_several_files_are_merged_and_the_first_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(
        tmp_path / "one" / "config",
        **{"current-context": "a"},
        contexts=named("context", a={"cluster": "c", "user": "u"}),
    )
    two = write(
        tmp_path / "two" / "config",
        **{"current-context": "b"},
        contexts=named("context", a={"cluster": "other"}, b={"cluster": "c", "namespace": "n"}),
        clusters=named("cluster", c={"server": "http://127.0.0.1:1/prefix/"}),
        users=named("user", u={"tokenFile": "token", "token": "not this one"}),
    )
    (tmp_path / "two" / "token").write_text("t\n")
    monkeypatch.setenv("KUBECONFIG", f"{one}:/nowhere:{two}")
    found, current = contexts()
    assert current == "a"
    assert [(c.name, c.cluster, c.user, c.namespace) for c in found] == [
        ("a", "c", "u", "default"),
        ("b", "c", "", "n"),
    ]
    async with connected() as cluster:
        assert (cluster.context, cluster.server) == ("a", "http://127.0.0.1:1/prefix")
    async with connected(context="b", namespace="mine") as cluster:
        assert (cluster.context, cluster.namespace, cluster.user) == ("b", "mine", "")


async def test_a_server_below_a_path_is_asked_there(tmp_path: Path) -> None:
    async with hostile_server() as hostile:
        hostile.on("/k8s/clusters/c-1/version", ok({"major": "1"}))
        config = write_kubeconfig(tmp_path / "c", f"{hostile.url}/k8s/clusters/c-1/")
        async with connected(kubeconfig=config) as cluster:
            assert await cluster.get("/version") == {"major": "1"}


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"username": "me", "password": "pw"}, "Basic bWU6cHc="),
        ({}, None),
    ],
)
async def test_the_users_credentials_are_sent(
    tmp_path: Path, user: dict[str, Any], header: str | None
) -> None:
    async with hostile_server() as hostile:
        hostile.on("/version", ok({}))
        config = write_kubeconfig(tmp_path / "c", hostile.url, user)
        async with connected(kubeconfig=config) as cluster:
            await cluster.get("/version")
        assert hostile.requests[0].headers.get("authorization") == header


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with hostile_server() as hostile:
        hostile.on("/version", ok({}))
        config = write_kubeconfig(tmp_path / "c", hostile.url)
        async with connected(kubeconfig=config) as cluster:
            assert await cluster.get("/version") == {}


@pytest.mark.parametrize(
    ("proxy", "error", "message"),
    [
        ("http://127.0.0.1:1", Unreachable, "proxy"),
        ("socks5://127.0.0.1:1", Usage, "proxy-url socks5"),
    ],
)
async def test_a_proxy_of_the_kubeconfig_is_used(
    tmp_path: Path, proxy: str, error: type[MeshtuiError], message: str
) -> None:
    path = tmp_path / "c"
    write_kubeconfig(path, "http://127.0.0.1:2")
    config = yaml.safe_load(path.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = proxy
    with pytest.raises(error, match=message):
        async with connected(kubeconfig=write(path, **config)) as cluster:
            await cluster.get("/version")


async def test_impersonation_is_not_left_out(tmp_path: Path) -> None:
    async with hostile_server() as hostile:
        hostile.on("/version", ok({}))
        user = {"token": "t", "as": "jane", "as-groups": ["dev"], "as-user-extra": {"k": ["v"]}}
        config = write_kubeconfig(tmp_path / "c", hostile.url, user)
        async with connected(kubeconfig=config) as cluster:
            await cluster.get("/version")
        sent = hostile.requests[0].headers
        assert sent["impersonate-user"] == "jane"
        assert sent["impersonate-group"] == "dev"
        assert sent["impersonate-extra-k"] == "v"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"command": "sh", "args": ["-c", "echo expired >&2; exit 3"]}, "expired"),
        ({"command": "/no/such/plugin"}, "it was not found"),
        ({"command": "echo", "args": ["not json"]}, "did not answer with JSON"),
    ],
)
async def test_a_plugin_that_fails_is_told_with_its_own_words(
    tmp_path: Path, command: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", **command}
    config = write_kubeconfig(tmp_path / "c", "http://127.0.0.1:1", {"exec": plugin})
    with pytest.raises(NotAllowed, match=message):
        await Cluster.connect(kubeconfig=config)
    assert capfd.readouterr() == ("", "")


async def test_a_plugin_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "LOG_IN_S", 0.05)
    version = "client.authentication.k8s.io/v1"
    plugin = {"apiVersion": version, "command": "sleep", "args": ["60"]}
    config = write_kubeconfig(tmp_path / "c", "http://127.0.0.1:1", {"exec": plugin})
    with pytest.raises(Unreachable, match="logging in to test took more than"):
        await Cluster.connect(kubeconfig=config)


async def test_in_a_pod_the_service_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("t")
    (account / "namespace").write_text("istio-system\n")
    monkeypatch.setattr(in_pod, "SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(Unreachable, match="service account cannot be used"):
        await Cluster.connect()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    (tmp_path / "certs").mkdir()
    return self_signed(tmp_path / "certs")


async def test_a_server_is_trusted_by_the_authority_of_the_kubeconfig(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with running_lab(certs=certificate) as lab:
        config = write_lab_kubeconfig(tmp_path, lab.client.url, [ADMIN], certificate.authority)
        async with connected(kubeconfig=str(config)) as cluster:
            assert cluster.server.startswith("https://")
            assert (await cluster.get("/version"))["major"] == "1"
            with pytest.raises(NotFound):
                await cluster.port_forward("default", "nosuch", 15000)


async def test_a_server_that_cannot_be_trusted_is_named(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with running_lab(certs=certificate) as lab:
        config = write_lab_kubeconfig(tmp_path, lab.client.url, [ADMIN])
        async with connected(kubeconfig=str(config)) as cluster:
            with pytest.raises(Unreachable, match=r"cannot be trusted.*certificate-authority"):
                await cluster.get("/version")
            with pytest.raises(Unreachable, match="cannot be trusted"):
                await cluster.port_forward("default", "p", 15000)


async def test_verification_can_be_switched_off_in_the_kubeconfig(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with running_lab(certs=certificate) as lab:
        path = write_lab_kubeconfig(tmp_path, lab.client.url, [ADMIN])
        config = yaml.safe_load(path.read_text())
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
        async with connected(kubeconfig=write(path, **config)) as cluster:
            assert (await cluster.get("/version"))["major"] == "1"


async def test_a_renewed_login_may_bring_another_certificate(
    tmp_path: Path, certificate: Certificate
) -> None:
    async with hostile_server() as hostile:
        hostile.on("/version", status(401, "Unauthorized"), ok({"in": True}))
        path = tmp_path / "c"
        config = write_kubeconfig(path, hostile.url)
        async with connected(kubeconfig=config) as cluster:
            user = {"token": "new"}
            changed = yaml.safe_load(path.read_text())
            changed["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
            changed["users"][0]["user"] = user
            path.write_text(yaml.safe_dump(changed))
            assert await cluster.get("/version") == {"in": True}
            assert hostile.requests[-1].headers["authorization"] == "Bearer new"


async def test_a_renewed_login_does_not_lead_to_another_cluster(tmp_path: Path) -> None:
    async with hostile_server() as hostile, hostile_server() as other:
        hostile.on("/version", status(401, "Unauthorized"))
        other.on("/version", ok({}))
        config = write_kubeconfig(tmp_path / "c", hostile.url)
        async with connected(kubeconfig=config) as cluster:
            write_kubeconfig(tmp_path / "c", other.url)
            with pytest.raises(NotAllowed, match="no longer leads to"):
                await cluster.get("/version")
        assert other.requests == []


def test_importing_the_room_is_cheap() -> None:
    heavy = ("kubernetes", "aiohttp")
    code = (
        "import sys, meshtui.kube.cluster, meshtui.kube.feed, meshtui.kube.snapshot;"
        f"sys.exit([name for name in {heavy} if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
