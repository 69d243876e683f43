"""What a command imports: nothing that another verb, the screen or a heavy library needs.

Not how long that takes, which no test can hold: which modules are there when it is done.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import meshtui
from meshtui.errors import Exit
from tests.meshserver import MeshServer, mesh_server

KUBERNETES = ("kubernetes", "pydantic", "requests", "urllib3", "oauthlib")
HTTP = ("aiohttp", "httpx", "httpcore", "prometheus_api_client")
SCREEN = ("textual", "rich", "meshtui.ui", "meshtui.lab")
CHANGING = ("meshtui.operations.change", "meshtui.canary", "meshtui.changes")

NEVER = (*SCREEN, "click", "pygments", "hypothesis", "pytest")
"""In no command."""

WITHOUT_URL = (*KUBERNETES, "prometheus_api_client")
"""The kubernetes client logs in from a pod only, the other asks a Prometheus at a URL."""

BY_URL = ("services", "reviews", "--prometheus", "http://127.0.0.1:9")

FORBIDDEN = {
    ("--version",): (
        *(*HTTP, "asyncio", "sqlite3", "yaml", "msgspec", "subprocess"),
        *("meshtui.kube", "meshtui.operations", "meshtui.changes", "meshtui.journal"),
        *("meshtui.mesh.model", "meshtui.mesh.resolution", "meshtui.diagnosis"),
    ),
    ("services", "--help"): (*HTTP, "asyncio", "sqlite3", "meshtui.mesh.model", "meshtui.kube"),
    ("journal",): (
        *(*HTTP, "meshtui.mesh.resolution", "meshtui.operations.change", "meshtui.diagnosis"),
        *("meshtui.envoy", "meshtui.changes.locate", "meshtui.kube.transport"),
    ),
    ("analyze", "-A"): (
        *("httpx", "sqlite3", "meshtui.journal", "meshtui.envoy", "meshtui.metrics.prometheus"),
        *CHANGING,
    ),
    ("services", "-A", "--prometheus", "none", "--window", "1ms"): (
        *("httpx", "sqlite3", "meshtui.journal", "meshtui.diagnosis"),
        *("meshtui.operations.change", "meshtui.canary", "meshtui.changes.change"),
    ),
    BY_URL: ("kubernetes", "aiohttp", "sqlite3", "meshtui.journal", "meshtui.diagnosis"),
    ("shift", "reviews", "v1=50", "--dry-run", "--prometheus", "none"): ("meshtui.canary.machine",),
}

RUN = """
import sys
from meshtui.cli import main
sys.argv[0] = "meshtui"
try:
    sys.exit(main())
finally:
    print("MODULES", *sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> MeshServer:
    with mesh_server() as found:
        yield found


@pytest.mark.parametrize("words", FORBIDDEN, ids=" ".join)
def test_a_command_imports_only_what_it_needs(
    words: tuple[str, ...], server: MeshServer, tmp_path: Path
) -> None:
    environment = {
        "KUBECONFIG": server.kubeconfig(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(meshtui.__file__).parent.parent,
    )
    modules = done.stderr.rpartition("MODULES")[2].split()
    assert done.returncode in (Exit.DONE, Exit.UNREACHABLE), done.stderr  # no sidecar has stats
    assert "meshtui.cli.parser" in modules
    unwanted = (*NEVER, *(WITHOUT_URL if words != BY_URL else ()), *FORBIDDEN[words])
    assert [name for name in modules if _is_of(name, unwanted)] == [], done.stdout


def _is_of(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def test_the_first_paint_waits_for_nothing_of_a_mesh() -> None:
    first = "meshtui.cli.main, meshtui.cli.screen, meshtui.ui.app, meshtui.ui.terminal.driver"
    code = f"import sys, {first}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = ("mesh.model", "mesh.view", "operations", "kube", "changes", "metrics", "envoy")
    found = [one for one in done.stdout.split() if one.startswith("meshtui.")]
    early = [one for one in found if one.removeprefix("meshtui.").startswith(rooms)]
    assert "meshtui.ui.app" in found
    assert not early
