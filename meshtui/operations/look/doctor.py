"""What meshtui needs and what it finds: for `meshtui doctor`, before it matters."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.errors import JournalError, MeshtuiError, NotAllowed
from meshtui.mesh import read
from meshtui.mesh.model import Mesh
from meshtui.mesh.quantity import human_duration, number_of
from meshtui.operations.change.time_limits import Limits
from meshtui.operations.proxies.access import access_lines, reach

if TYPE_CHECKING:
    from meshtui.operations.session import Session

OK, WARN, FAIL = "ok", "warning", "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `level` is "ok", "warning" or "fail"; `do` is what to do about
    it, empty where there is nothing to be done."""

    name: str
    level: str
    text: str
    do: str = ""


TO_DO = {
    "journal": "see to the folder that it names, or set XDG_STATE_HOME to another",
    "cluster": "`kubectl version` should say the same; --context or --kubeconfig chooses another",
    "credentials": "log in again, or take another user: `kubectl version` should say the same",
    "right": "deploy/rbac.yaml has all that meshtui needs: ask who administers the cluster for it",
    "mesh": "ask for list and watch on what is named; a cluster without Istio has nothing to show",
    "istiod": "ask for get and create on pods/portforward there; without it `status` knows less",
    "proxies": "ask for get and create on pods/portforward, or on pods/exec, in that namespace",
    "telemetry": "--prometheus URL, or get on pods/proxy for the sidecars' own numbers",
    "interrupted": "`meshtui journal` lists it; `meshtui undo CHANGE` takes it back",
    "limit": "`meshtui keep --once` takes back what is overdue; `meshtui undo CHANGE` one of them",
}
"""What to do about a check that is not well, by its name."""

ELSEWHERE = "where the control plane is another cluster's, the proxies are asked themselves"


RIGHTS = (
    ("list", "services", ""),
    ("watch", "virtualservices", ""),
    ("patch", "virtualservices", ""),
    ("create", "virtualservices", ""),
    ("patch", "destinationrules", ""),
    ("get", "pods", "log"),
    ("get", "pods", "proxy"),
    ("get", "leases", ""),
    ("list", "leases", ""),
    ("create", "leases", ""),
    ("patch", "leases", ""),
)
_WANTED_FOR = {"leases": "a canary needs it: deploy/rbac.yaml grants it to the operator"}


async def examine(session: Session) -> AsyncGenerator[Check, None]:
    """Each check as soon as it is done; a cluster that is out of reach ends it."""
    async for check in _checks(session):
        yield check if check.level == OK else replace(check, do=check.do or TO_DO[check.name])


async def _checks(session: Session) -> AsyncGenerator[Check, None]:
    cluster = session.cluster
    yield Check("context", OK, f"{cluster.context} as {cluster.user or '?'}, {cluster.server}")
    yield _journal(session)
    try:
        version = await cluster.get("/version", timeout=5.0)
    except NotAllowed as error:
        yield Check("credentials", FAIL, error.what)
        return
    except MeshtuiError as error:
        yield Check("cluster", FAIL, str(error))
        return
    yield Check("cluster", OK, f"Kubernetes {read.text(version, 'gitVersion', '?')}")
    async for check in _rights(session):
        yield check
    try:
        mesh = await session.read_mesh()
    except MeshtuiError as error:
        yield Check("mesh", FAIL, str(error))
        return
    yield _mesh(mesh)
    yield await _istiod(session, mesh)
    for good, text in access_lines(await reach(cluster, mesh)):
        yield Check("proxies", OK if good else WARN, text)
    yield await _telemetry(session, mesh)
    for line in filter(None, await session.recover()):
        yield Check("interrupted", WARN, line)
    for check in await limit_checks(session, mesh):
        yield check


def _journal(session: Session) -> Check:
    if session.journal is None:
        return Check("journal", FAIL, session.journal_trouble)
    from meshtui.journal import count_unread

    try:
        rows = session.journal.listing(limit=100_000)
    except JournalError as error:
        return Check("journal", FAIL, str(error))
    unread, only_read = count_unread(rows), session.journal.only_read
    text = f"{session.journal.path}, {number_of(len(rows), 'change')}"
    if only_read:
        return Check("journal", FAIL, f"{text}; {only_read}")
    return Check("journal", WARN if unread else OK, f"{text}; {unread}" if unread else text)


async def _rights(session: Session) -> AsyncGenerator[Check, None]:
    from meshtui.kube import resources
    from meshtui.kube.access import allowed
    from meshtui.kube.leases import LEASES

    known = {r.key: r for r in (*resources.MESH_RESOURCES, LEASES)}
    namespace = session.cluster.namespace
    for verb, plural, sub in RIGHTS:
        name = f"{verb} {plural}{'/' + sub if sub else ''}"
        try:
            may = await allowed(session.cluster, verb, known[plural], namespace, "", sub)
        except MeshtuiError as error:
            yield Check("right", WARN, f"{name}: {error}")
            continue
        why = f"; {_WANTED_FOR[plural]}" if plural in _WANTED_FOR else ""
        summary = "allowed" if may else f"not allowed{why}"
        yield Check("right", OK if may else WARN, f"{name} in {namespace}: {summary}")


def _mesh(mesh: Mesh) -> Check:
    if not mesh.istio:
        return Check("mesh", FAIL, "this cluster does not serve Istio's resources")
    sidecars = sum(pod.sidecar for pod in mesh.pods)
    text = (
        f"{number_of(len(mesh.services), 'service')}, "
        f"{number_of(len(mesh.virtual_services), 'VirtualService')}, "
        f"{number_of(len(mesh.destination_rules), 'DestinationRule')}, "
        f"{number_of(sidecars, 'pod')} with a proxy"
    )
    return Check("mesh", WARN if mesh.problems else OK, "; ".join([text, *mesh.problems[:3]]))


async def _istiod(session: Session, mesh: Mesh) -> Check:
    """Whether istiod itself says how the proxies stand."""
    from meshtui.operations.look.proxy_sync import read_accounts

    istiods, clients, trouble = await read_accounts(session.cluster, mesh)
    text = f"{len(istiods)} of them, {number_of(len(clients), 'proxy', 'proxies')}"
    if not trouble:
        return Check("istiod", OK, text)
    return Check("istiod", WARN, trouble, "" if istiods else ELSEWHERE)


async def _telemetry(session: Session, mesh: Mesh) -> Check:
    """One reading of what the screen and the commands would read."""
    from meshtui.metrics.choose import source_for

    try:
        options = session.options
        source = source_for(session.cluster, options.prometheus, options.access)
        try:
            sample = await source.sample(mesh)
        finally:
            await source.close()
    except MeshtuiError as error:
        return Check("telemetry", FAIL, str(error))
    text = f"{sample.source}: {sample.read} read, {sample.failed} not"
    level = WARN if sample.failed or sample.problems or not sample.read else OK
    return Check("telemetry", level, "; ".join([text, *sample.problems[:2]]))


async def limit_checks(session: Session, mesh: Mesh) -> list[Check]:
    """Faults and mirrors that are on and have a time limit, the overdue ones first."""
    limits = Limits(session)
    await limits.close_what_is_gone(mesh)
    checks = [Check("limit", FAIL, text) for text in limits.unread()]
    for pending in limits.pending(mesh):
        when = human_duration(abs(pending.left_s))
        summary = f"OVERDUE by {when}" if pending.left_s < 0 else f"ends in {when}"
        level = FAIL if pending.left_s < 0 else OK
        checks.append(
            Check(
                "limit",
                level,
                f"{pending.service} {pending.words}: {summary} ({pending.change_id})",
            )
        )
    return checks
