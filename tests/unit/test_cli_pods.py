"""`meshtui pods`: which pod is ready, why it restarted, and how its proxy stands."""

from __future__ import annotations

import json
from functools import partial

import pytest

from meshtui.cli import pods as command
from meshtui.cli.main import main
from meshtui.diagnosis.proxy_sync import ProxyAnswer
from meshtui.errors import NotAllowed
from meshtui.mesh.model import Mesh
from meshtui.operations.look.proxy_sync import read_sync
from tests.unit.objects import pod as bare_pod
from tests.unit.test_cli_analysis import use
from tests.unit.test_pod_status import NOW, mesh_of, parsed, pod, status
from tests.unit.test_proxy_sync import answering

CRASH = status("reviews", 7, "Error 1 11:59:30", waiting="CrashLoopBackOff")
EARLIER = status("istio-proxy", 1, "OOMKilled 137 11:10:00")
Capture = pytest.CaptureFixture[str]


def mesh() -> Mesh:
    """Of reviews one pod in a crash loop and one that is well; and a pod without a proxy."""
    plain = bare_pod("job", "v1", namespace="default")
    plain["spec"]["containers"] = [{"name": "job"}]
    return mesh_of(pod(CRASH, EARLIER, ready=False), pod(status("reviews"), number=2), plain)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the command read that mesh; istiod may not be asked, and one of the proxies answers."""
    says = {("default", "reviews-v3-5f6d-2"): ProxyAnswer(True)}
    answering(monkeypatch, NotAllowed("you may not"), says)
    use(monkeypatch, mesh())
    monkeypatch.setattr(command, "read_sync", partial(read_sync, clock=lambda: NOW))


@pytest.mark.usefixtures("at_noon")
def test_a_line_for_each_pod_and_below_them_what_is_wrong(capsys: Capture) -> None:
    assert main(["pods"]) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "POD READY RESTARTS LAST END AGE NODE SIDECAR CONFIG"
    assert lines[1].startswith("job-v1-5f6d-1 yes 0 - ")
    assert lines[1].endswith(" - none -")
    assert lines[2].startswith("reviews-v3-5f6d-1 no 1/2 8 Error, exit 1 1h00m node-a 1.27.1 ")
    assert lines[3].startswith("reviews-v3-5f6d-2 yes 0 - 1h00m node-a 1.27.1 in sync")
    assert any("CrashLoopBackOff: reviews (Error, exit 1), restarted 7×" in line for line in lines)
    assert "istiod's own account of its proxies is not known: no istiod runs" in err


@pytest.mark.usefixtures("at_noon")
def test_as_data(capsys: Capture) -> None:
    assert main(["pods", "reviews", "-o", "json"]) == 0
    crashing, well = json.loads(capsys.readouterr().out)["pods"]
    assert (crashing["ready"], crashing["restarts"], crashing["age_s"]) == (False, 8, 3600)
    assert crashing["last"] == {
        "container": "reviews",
        "reason": "Error",
        "exit_code": 1,
        "ended": "2026-11-27T11:59:30Z",
    }
    assert "CrashLoopBackOff" in crashing["trouble"]
    assert (crashing["state"], crashing["in_sync"]) == ("unknown", None)
    assert (well["state"], well["in_sync"], well["sidecar"]) == ("in_sync", True, "1.27.1")
    assert (well["last"], well["trouble"], well["node"]) == (None, None, "node-a")


@pytest.mark.usefixtures("at_noon")
def test_a_namespace_without_pods_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    use(monkeypatch, mesh(), namespace="nowhere")
    assert main(["pods"]) == 0
    assert capsys.readouterr() == ("", "meshtui: no pod here\n")


def test_the_last_end_is_that_of_the_container_that_ended_last() -> None:
    from meshtui.mesh.pod_health import last_end

    found = last_end(parsed(EARLIER, CRASH))
    assert found is not None and found.name == "reviews"
    assert last_end(parsed(status("reviews"))) is None
