"""Credential plugins as kubectl runs them, old auth-providers, and passwords in addresses."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import Hostile, Request, answer, hostile_server, ok, status

from meshtui.errors import Exit, MeshtuiError, NotAllowed, Unreachable, Usage
from meshtui.journal.store import journal_path
from meshtui.kube import credentials
from meshtui.kube.cluster import Cluster
from meshtui.kube.credential import VERSIONS
from meshtui.kube.plugin import Plugin
from tests.ui.terminals import alive

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
PATH = "/api/v1/services"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_GIVEN", {})


def write(
    folder: Path, server: str, user: dict[str, Any], cluster: dict[str, Any] | None = None
) -> str:
    context = {"cluster": "c", "user": "u", "namespace": "shop"}
    config = {
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "test", "context": context}],
    }
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(yaml.safe_dump(config))
    return str(folder / "config")


def credential(version: str = V1, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": "ExecCredential", "status": {"token": "t", **fields}}


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def giving(path: Path, given: Any, *before: str) -> Path:
    """A plugin that notes each run and what it was told, and answers with `given`."""
    noted = f'echo "$KUBERNETES_EXEC_INFO" >> {path}.told; echo "$@" >> {path}.args'
    return script(path, noted, *before, f"cat <<'END'\n{json.dumps(given)}\nEND")


def told(path: Path) -> list[Any]:
    return [json.loads(line) for line in Path(f"{path}.told").read_text().splitlines()]


def arguments(path: Path) -> str:
    return Path(f"{path}.args").read_text()


def ran(path: Path) -> bool:
    return Path(f"{path}.told").exists()


def text_of(path: str) -> str:
    return Path(path).read_text()


def plugin(command: str | Path, **fields: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": str(command), **fields}}


@asynccontextmanager
async def connected(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[tuple[Hostile, Cluster]]:
    async with hostile_server() as hostile:
        config = write(tmp_path / "kube", hostile.url, user, cluster)
        made = await Cluster.connect(kubeconfig=config, **more)
        hostile.on(PATH, ok({}))
        try:
            yield hostile, made
        finally:
            await made.close()


async def refusal(tmp_path: Path, user: dict[str, Any], **more: Any) -> MeshtuiError:
    with pytest.raises(MeshtuiError) as caught:
        async with connected(tmp_path, user, **more):
            pass
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize("command", ["./bin/plugin", "bin/plugin", "../kube/bin/plugin"])
async def test_a_command_with_a_separator_is_relative_to_the_kubeconfig(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving(tmp_path / "kube/bin/plugin", credential())
    monkeypatch.chdir("/")
    async with connected(tmp_path, plugin(command)) as (hostile, cluster):
        await cluster.get(PATH)
        assert hostile.requests[0].headers["authorization"] == "Bearer t"


async def test_any_other_command_is_looked_for_on_meshtuis_own_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving(tmp_path / "bin/plug-in", credential())
    giving(tmp_path / "kube/plug-in", credential(token="the one beside the kubeconfig"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    other = {"env": [{"name": "PATH", "value": "/usr/bin:/bin"}]}
    async with connected(tmp_path, plugin("plug-in", **other)) as (hostile, cluster):
        await cluster.get(PATH)
        assert hostile.requests[0].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_a_plugin_is_told_as_it_wants(tmp_path: Path, version: str) -> None:
    authority = base64.b64encode(b"an authority").decode()
    program = giving(tmp_path / "plugin", credential(version), f'echo "$REGION" >> {tmp_path}/env')
    fields = {
        "apiVersion": version,
        "args": ["--cluster", "a b"],
        "env": [{"name": "REGION", "value": "eu"}],
        "provideClusterInfo": True,
    }
    cluster = {
        "tls-server-name": "api.example",
        "insecure-skip-tls-verify": False,
        "certificate-authority-data": authority,
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}},
            {"name": "other", "extension": 1},
        ],
    }
    async with connected(tmp_path, plugin(program, **fields), cluster) as (hostile, _):
        assert told(program) == [
            {
                "apiVersion": version,
                "kind": "ExecCredential",
                "spec": {
                    "interactive": False,
                    "cluster": {
                        "server": hostile.url,
                        "tls-server-name": "api.example",
                        "certificate-authority-data": authority,
                        "config": {"audience": "x"},
                    },
                },
            }
        ]
        assert arguments(program) == "--cluster a b\n"
        assert (tmp_path / "env").read_text() == "eu\n"


async def test_a_certificate_authority_in_a_file_is_told_as_data(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential())
    (tmp_path / "kube").mkdir()
    (tmp_path / "kube/ca.pem").write_text("an authority")
    cluster = {"certificate-authority": "ca.pem"}
    async with connected(tmp_path, plugin(program, provideClusterInfo=True), cluster):
        data = told(program)[0]["spec"]["cluster"]["certificate-authority-data"]
        assert base64.b64decode(data) == b"an authority"


async def test_one_that_does_not_ask_is_not_told_of_the_cluster(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential())
    async with connected(tmp_path, plugin(program)):
        assert told(program)[0]["spec"] == {"interactive": False}


def ended(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("fields", "runs"),
    [({}, 1), ({"expirationTimestamp": ended(3600)}, 1), ({"expirationTimestamp": ended(-9)}, 2)],
)
async def test_a_credential_is_used_again_while_it_is_good(
    tmp_path: Path, fields: dict[str, Any], runs: int
) -> None:
    program = giving(tmp_path / "plugin", credential(**fields))
    async with hostile_server() as hostile:
        hostile.on(PATH, ok({}))
        config = write(tmp_path / "kube", hostile.url, plugin(program))
        for _ in range(2):
            cluster = await Cluster.connect(kubeconfig=config)
            await cluster.close()
    assert len(told(program)) == runs


async def test_one_that_is_over_is_asked_for_again_before_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtui.kube.transport._LOG_IN_AGAIN_S", 0.0)
    program = giving(tmp_path / "plugin", credential(expirationTimestamp=ended(-9)))
    async with connected(tmp_path, plugin(program)) as (hostile, cluster):
        await cluster.get(PATH)
        assert len(told(program)) == 2
        assert len(hostile.requests) == 1


async def test_one_that_is_refused_is_asked_for_again(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential(expirationTimestamp=ended(3600)))
    async with connected(tmp_path, plugin(program)) as (hostile, cluster):
        hostile.on(PATH, status(401, "Unauthorized"), ok({}))
        await cluster.get(PATH)
        assert len(told(program)) == 2


async def test_credentials_of_the_users_own_go_before_a_plugin(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential())
    async with connected(tmp_path, {"token": "own", **plugin(program)}) as (hostile, cluster):
        await cluster.get(PATH)
        assert hostile.requests[0].headers["authorization"] == "Bearer own"
    assert not ran(program)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("not json", "it did not answer with JSON"),
        ("\\377\\376", "it did not answer with JSON"),
        ("[]", "it answered with a thing instead of an ExecCredential"),
        ("null", "instead of an ExecCredential"),
        ('{"kind":"Status","apiVersion":"v1"}', "it answered with a Status instead"),
        (json.dumps(credential(V1BETA1)), f"it answered with {V1BETA1} instead of {V1}"),
        ('{"kind":"ExecCredential"}', "it answered with no version"),
        (json.dumps({**credential(), "status": None}), "its answer has no status"),
        (json.dumps(credential(token="")), "it gave neither a token nor a certificate"),
        (json.dumps(credential(token=7)), "it gave neither a token nor a certificate"),
        (json.dumps(credential(token="a\r\nX-Evil: b")), "characters that no header may have"),
        (json.dumps(credential(clientKeyData="k")), "not both"),
        (json.dumps(credential(clientCertificateData="c")), "not both"),
        (json.dumps(credential(expirationTimestamp="soon")), "'soon' is not a time"),
        (json.dumps(credential(expirationTimestamp=7)), "is not a time"),
    ],
)
async def test_an_answer_that_is_none_is_one_line(
    tmp_path: Path, output: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    octal = output if output.startswith("\\3") else output.replace("\\", "\\\\")
    program = script(tmp_path / "plugin", f"printf '%b' '{octal}'")
    error = await refusal(tmp_path, plugin(program))
    assert isinstance(error, NotAllowed)
    assert words in error.what
    assert str(program)[:60] in error.what
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("echo 'token expired' >&2; exit 3", "it ended with 3. token expired"),
        ("printf 'red \\033[31m' >&2; exit 1", "it ended with 1. red ^[[31m"),
        ("kill -9 $$", "it ended with -9"),
        ("yes", "it printed more than 1 MiB"),
        ("yes >&2", "it printed more than 1 MiB"),
    ],
)
async def test_a_plugin_that_fails_is_one_line(tmp_path: Path, line: str, words: str) -> None:
    error = await refusal(tmp_path, plugin(script(tmp_path / "plugin", line)))
    assert words in error.what
    assert error.hint == "run `kubectl version` to see what the credential plugin wants"


@pytest.mark.parametrize("pipe", ["1", "2"])
async def test_one_that_never_stops_printing_is_always_ended(tmp_path: Path, pipe: str) -> None:
    """Also where its pipe is full and nobody reads it when it is killed."""
    program = script(tmp_path / "plugin", f"yes >&{pipe}")
    for _ in range(20):
        async with asyncio.timeout(30):
            with pytest.raises(NotAllowed, match="more than 1 MiB"):
                await Plugin(str(program), V1).run()


async def test_one_that_is_not_installed_shows_how_to_install_it(tmp_path: Path) -> None:
    hint = "brew install plug-in\n\x1b[2Jthen log in"
    error = await refusal(tmp_path, plugin("no-such-plug-in", installHint=hint))
    assert "no-such-plug-in failed: it was not found" in error.what
    assert error.hint == "brew install plug-in··^[[2Jthen log in".replace("··", "·")


async def test_one_that_may_not_be_run_is_not_found(tmp_path: Path) -> None:
    program = script(tmp_path / "plugin", "true")
    program.chmod(0o644)
    assert "it was not found, or cannot be run" in (await refusal(tmp_path, plugin(program))).what


LIST = "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: "
POLICIES: list[tuple[str, str]] = [
    ("kind: Preference", ""),
    ("", ""),
    ("credentialPluginPolicy: AllowAll", ""),
    ("credentialPluginPolicy: DenyAll", "(credentialPluginPolicy DenyAll)"),
    (LIST + "[{command: HERE/plugin}]", ""),
    (LIST + "[{name: HERE/plugin}]", ""),
    (LIST + "[{command: other}, {command: plugin}]", ""),
    (LIST + "[{command: other}]", "(credentialPluginPolicy Allowlist)"),
    (LIST + "[{command: /elsewhere/plugin}]", "(credentialPluginPolicy Allowlist)"),
    (LIST + "[]", "without a usable credentialPluginAllowlist"),
    (LIST + "[{}]", "without a usable credentialPluginAllowlist"),
    (LIST + "[{command: ./plugin}]", "without a usable credentialPluginAllowlist"),
    (LIST + "plugin", "without a usable credentialPluginAllowlist"),
    ("credentialPluginPolicy: Allowlist", "without a usable credentialPluginAllowlist"),
    ("credentialPluginAllowlist: [{command: plugin}]", "belongs to Allowlist"),
    ("credentialPluginPolicy: Some\x1b", "cannot be read"),
    ("credentialPluginPolicy: Some", "there is no credentialPluginPolicy Some"),
    ("a: [", "cannot be read"),
]


@pytest.mark.parametrize(("policy", "words"), POLICIES)
async def test_what_the_person_lets_run_is_what_kubectl_would_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, words: str
) -> None:
    program = giving(tmp_path / "plugin", credential())
    kuberc = tmp_path / "kuberc"
    kuberc.write_text(policy.replace("HERE", str(tmp_path)))
    monkeypatch.setenv("KUBERC", str(kuberc))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if not words:
        async with connected(tmp_path, plugin(program)):
            assert ran(program)
        return
    error = await refusal(tmp_path, plugin(program))
    assert isinstance(error, NotAllowed)
    assert words in error.what
    assert not ran(program)
    monkeypatch.setenv("KUBERC", "off")
    async with connected(tmp_path, plugin(program)):
        assert ran(program)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"command": ""}, "no command"),
        ({"apiVersion": ""}, "no apiVersion"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "of apiVersion client"),
        ({"interactiveMode": "Sometimes"}, "interactiveMode Sometimes"),
        ({"env": [{"value": "x"}]}, "env entry without a usable name"),
        ({"env": [{"name": "A=B", "value": "x"}]}, "env entry without a usable name"),
        ({"env": [{"name": "A", "value": "x\0"}]}, "env entry without a usable name"),
    ],
)
async def test_what_is_wrong_with_the_field_is_named(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    error = await refusal(tmp_path, {"exec": {**plugin("true")["exec"], **fields}})
    assert isinstance(error, Usage)
    assert words in error.what


async def test_one_that_must_ask_says_so_where_nobody_can_answer(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential())
    error = await refusal(tmp_path, plugin(program, interactiveMode="Always"))
    assert "it wants to ask you something" in error.what
    assert not ran(program)


ASKING = """
import asyncio, sys
from meshtui.kube.cluster import Cluster
from meshtui.kube.credential import VERSIONS
from meshtui.kube.plugin import Plugin
async def main():
    cluster = await Cluster.connect(kubeconfig=sys.argv[1], terminal=sys.argv[2] == "terminal")
    print("in")
    await cluster.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("mode", "place", "asks"),
    [
        ("Always", "terminal", True),
        ("IfAvailable", "terminal", True),
        ("Never", "terminal", False),
        ("IfAvailable", "screen", False),
    ],
)
def test_a_plugin_has_the_terminal_only_where_it_is_wanted_and_free(
    tmp_path: Path, mode: str, place: str, asks: bool
) -> None:
    talk = f'echo "code: " >&2; read code; echo "$code" > {tmp_path}/code'
    program = giving(tmp_path / "plugin", credential(), talk)
    config = write(tmp_path / "kube", "http://127.0.0.1:1", plugin(program, interactiveMode=mode))
    person, tty = pty.openpty()
    os.write(person, b"1234\n")
    done = subprocess.run(
        [sys.executable, "-c", ASKING, config, place],
        stdin=tty,
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(person)
    os.close(tty)
    assert done.stdout == "in\n", done.stderr
    assert told(program)[0]["spec"]["interactive"] is asks
    assert (tmp_path / "code").read_text() == ("1234\n" if asks else "\n")
    assert ("code:" in done.stderr) is asks


ENDLESS = """trap '' INT
sleep 1000 &
echo $$ $! > "$0.pids.new" && mv "$0.pids.new" "$0.pids"
wait"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_ends_a_command_ends_its_plugin(tmp_path: Path, number: int) -> None:
    """With all that the plugin started: it has a session of its own, which no signal reaches."""
    program = script(tmp_path / "plugin", ENDLESS)
    config = write(tmp_path / "kube", "http://127.0.0.1:1", plugin(program))
    command = [sys.executable, "-m", "meshtui", "services", "--kubeconfig", config]
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=_signals_as_usual
    )
    told = Path(f"{program}.pids")
    try:
        wait_until(told.exists)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == (130 if number == signal.SIGINT else -number)
    assert b"Traceback" not in said
    for pid in map(int, told.read_text().split()):
        wait_until(lambda pid=pid: not alive(pid))


SIGNALLED_AT_THE_START = """
import asyncio, os, pathlib, sys, time
from meshtui.cli.main import main
real = asyncio.create_subprocess_exec
async def signalled(*words, **more):
    process = await real(*words, **more)
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.02)
    os.kill(os.getpid(), int(sys.argv[2]))
    await asyncio.sleep(0)
    return process
asyncio.create_subprocess_exec = signalled
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_plugin_starts_ends_it_too(tmp_path: Path, number: int) -> None:
    """It runs already, and this process does not know it yet."""
    program = script(tmp_path / "plugin", ENDLESS)
    config = write(tmp_path / "kube", "http://127.0.0.1:1", plugin(program))
    told = Path(f"{program}.pids")
    words = [str(told), str(int(number)), "services", "--kubeconfig", config]
    command = [sys.executable, "-c", SIGNALLED_AT_THE_START, *words]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, timeout=60, preexec_fn=_signals_as_usual, check=False
    )
    assert ended.returncode == -number
    wait_until(lambda: not any(map(alive, _pids(told))))


async def test_a_plugin_whose_caller_goes_while_it_starts_ends_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's own start, cancelled, would wait for the pipes that `sleep` holds."""
    program = script(tmp_path / "plugin", ENDLESS)
    told = Path(f"{program}.pids")
    real = asyncio.create_subprocess_exec

    async def slowly(*words: Any, **more: Any) -> Any:
        process = await real(*words, **more)
        await asyncio.to_thread(wait_until, told.exists)
        begun.set()
        await goes_on.wait()
        return process

    begun, goes_on = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    running = asyncio.create_task(Plugin(str(program), VERSIONS[0]).run())
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await running
    await asyncio.to_thread(wait_until, lambda: not any(map(alive, _pids(told))))


def _pids(told: Path) -> list[int]:
    return [int(word) for word in told.read_text().split()]


def _signals_as_usual() -> None:
    """Also where the tests run in the background, or under nohup, which children would inherit."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def provider(**config: Any) -> dict[str, Any]:
    return {"auth-provider": {"name": "oidc", "config": config}}


async def test_a_good_token_of_an_old_oidc_provider_is_used(tmp_path: Path) -> None:
    token = jwt(exp=datetime.now(UTC).timestamp() + 600)
    async with connected(tmp_path, provider(**{"id-token": token})) as (hostile, cluster):
        await cluster.get(PATH)
        assert hostile.requests[0].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    "token",
    ["", "abc", "a.b.c", jwt(), jwt(exp="x"), jwt(exp=True), jwt(exp=0), "e30.W10.x", "e30.\0.x"],
)
async def test_a_provider_whose_token_is_over_is_refused_and_asks_nobody(
    tmp_path: Path, token: str
) -> None:
    async with hostile_server() as identity:
        config = {
            "id-token": token,
            "refresh-token": "r",
            "client-id": "c",
            "client-secret": "s",
            "idp-issuer-url": identity.url,
        }
        before = write(tmp_path / "kube", "http://127.0.0.1:1", provider(**config))
        text = text_of(before)
        with pytest.raises(NotAllowed) as caught:
            await Cluster.connect(kubeconfig=before)
        assert "auth-provider oidc has expired" in caught.value.what
        assert "an exec plugin such as `kubectl oidc-login`" in caught.value.hint
        assert (identity.requests, text_of(before)) == ([], text)


@pytest.mark.parametrize("name", ["gcp", "azure", "openstack", ""])
async def test_other_providers_are_refused_and_an_exec_plugin_named(
    tmp_path: Path, name: str
) -> None:
    error = await refusal(tmp_path, {"auth-provider": {"name": name, "config": {}}})
    assert error.exit is Exit.NOT_ALLOWED
    assert "exec plugin" in error.hint


async def test_a_user_with_both_is_refused(tmp_path: Path) -> None:
    error = await refusal(tmp_path, {**plugin("true"), **provider()})
    assert isinstance(error, MeshtuiError)
    assert len(str(error).splitlines()) == 1


SECRET = "p%40ss"


async def test_a_password_in_the_address_is_sent_and_never_shown(tmp_path: Path) -> None:
    async with hostile_server() as hostile:
        hostile.on(PATH, ok({}))
        server = hostile.url.replace("://", f"://admin:{SECRET}@")
        cluster = await Cluster.connect(kubeconfig=write(tmp_path / "kube", server, {}))
        await cluster.get(PATH)
        sent = hostile.requests[0].headers["authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"admin:p@ss"
        assert cluster.server == hostile.url
        hostile.on(PATH, answer(503, b""))
        with pytest.raises(Unreachable) as caught:
            await cluster.get(PATH)
        await cluster.close()
    assert not any(word in str(caught.value) for word in (SECRET, "p@ss", "admin"))


@pytest.mark.parametrize(
    ("server", "proxy"),
    [
        (f"ftp://admin:{SECRET}@x", ""),
        (f"https://admin:{SECRET}@127.0.0.1:1", ""),
        (f"https://admin:{SECRET}@no-such-host.invalid", ""),
        (f"https://admin:{SECRET}@[::1", ""),
        ("http://127.0.0.1:1", f"ftp://admin:{SECRET}@x"),
        ("http://example.invalid", f"http://admin:{SECRET}@127.0.0.1:1"),
        ("https://example.invalid", f"http://admin:{SECRET}@127.0.0.1:1"),
    ],
)
async def test_no_error_shows_a_password_of_an_address(
    tmp_path: Path, server: str, proxy: str
) -> None:
    fields = {"proxy-url": proxy} if proxy else {}
    with pytest.raises(MeshtuiError) as caught:
        config = write(tmp_path / "kube", server, {"token": "t"}, fields)
        cluster = await Cluster.connect(kubeconfig=config)
        try:
            await cluster.get(PATH, timeout=2.0)
        finally:
            await cluster.close()
    assert not any(word in str(caught.value) for word in (SECRET, "p@ss", "admin"))


async def test_a_proxy_that_refuses_does_not_show_its_password(tmp_path: Path) -> None:
    async with hostile_server() as proxy:
        url = proxy.url.replace("://", f"://admin:{SECRET}@")
        config = write(
            tmp_path / "kube", "https://example.invalid", {"token": "t"}, {"proxy-url": url}
        )
        cluster = await Cluster.connect(kubeconfig=config)
        with pytest.raises(Unreachable) as caught:
            await cluster.get(PATH, timeout=5.0)
        await cluster.close()
    assert not any(word in str(caught.value) for word in (SECRET, "p@ss", "admin"))


def test_a_password_is_no_part_of_the_journals_name() -> None:
    plain = journal_path("https://api.example:6443")
    assert journal_path(f"https://admin:{SECRET}@api.example:6443/") == plain
    assert "api.example-6443" in plain.name


async def test_many_at_once_ask_a_plugin_once(tmp_path: Path) -> None:
    program = giving(tmp_path / "plugin", credential(), "sleep 0.05")
    async with connected(tmp_path, plugin(program)) as (hostile, cluster):

        async def of_the_second(request: Request, writer: asyncio.StreamWriter) -> bool:
            new = len(told(program)) > 1
            return await (ok({}) if new else status(401, "Unauthorized"))(request, writer)

        hostile.on(PATH, of_the_second)
        await asyncio.gather(*(cluster.get(PATH) for _ in range(5)))
        assert len(told(program)) == 2
