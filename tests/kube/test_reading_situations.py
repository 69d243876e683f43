"""What a script is told by every command that reads, of a cluster that it cannot read: the exit
status says which of "there is none", "not allowed" and "out of reach" it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hostile import write_kubeconfig
from lab_fixtures import ADMIN, Lab, running_lab

from meshtui.cli.parser import build_parser
from meshtui.errors import Exit, MeshtuiError
from meshtui.lab.api.access import User

NOBODY = User("nobody", "nobody-token")

READING = (
    "services", "services reviews", "pods", "pods reviews", "status", "graph", "analyze",
    "exposure", "signals reviews", "trace reviews", "logs reviews", "proxy routes reviews-v1",
    "proxy diff reviews", "canary status", "canary status reviews", "--check", "doctor",
    "request reviews", "load reviews --rps 1 --for 1s --yes",
)  # fmt: skip

SITUATIONS = {
    "out of reach": ("", "admin-token", Exit.UNREACHABLE),
    "a token that is none": ("lab", "wrong", Exit.NOT_ALLOWED),
    "no rights": ("lab", "nobody-token", Exit.NOT_ALLOWED),
    "no such namespace": ("lab", "admin-token", Exit.FAILED),
}
OTHERWISE = {("doctor", "no rights"): Exit.FAILED}
"""`doctor` reads its own rights, and what fails is what it found."""


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab((ADMIN, NOBODY)) as lab:
        yield lab


async def status_of(words: str) -> tuple[int, str]:
    """The exit status, and what was raised for it."""
    arguments = build_parser(words.split()).parse_args(words.split())
    try:
        return int(await arguments.run(arguments)), ""
    except MeshtuiError as error:
        return int(error.exit), str(error)


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_the_status_says_why_nothing_was_read(
    lab: Lab, tmp_path: Path, situation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where, token, wanted = SITUATIONS[situation]
    url = lab.client.url if where else "http://127.0.0.1:1"
    config = write_kubeconfig(tmp_path / "config", url, {"token": token})
    namespace = "nosuch" if situation == "no such namespace" else "default"
    for command in READING:
        status, raised = await status_of(f"--kubeconfig {config} -n {namespace} {command}")
        said = capsys.readouterr()
        assert status == OTHERWISE.get((command, situation), wanted), (command, raised, said)
        assert "Errno" not in raised + said.err + said.out
        assert command == "doctor" or (raised and not said.out), command
        assert "\n" not in raised


async def test_there_is_no_canary_is_said_of_a_cluster_that_was_read(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_kubeconfig(tmp_path / "config", lab.client.url, {"token": "admin-token"})
    assert await status_of(f"--kubeconfig {config} -n default canary status") == (Exit.DONE, "")
    assert "no canary is known here" in capsys.readouterr().err


async def test_a_canary_that_another_machine_drives_is_listed(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "meshtui-canary-reviews", "namespace": "default"},
        "spec": {
            "holderIdentity": "ada@elsewhere/7",
            "leaseDurationSeconds": 15,
            "renewTime": "2999-01-01T00:00:00.000000Z",
        },
    }
    await lab.client.post("/apis/coordination.k8s.io/v1/namespaces/default/leases", lease)
    config = write_kubeconfig(tmp_path / "config", lab.client.url, {"token": "admin-token"})
    for words in ("-n default canary status", "-A canary status"):
        assert await status_of(f"--kubeconfig {config} {words}") == (Exit.DONE, "")
        assert capsys.readouterr().out.startswith("reviews.default")
    assert await status_of(f"--kubeconfig {config} -n kube-system canary status") == (0, "")
    assert capsys.readouterr().out == ""
