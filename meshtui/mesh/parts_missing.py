"""Numbers that are not all of it: who sends to a service or answers for it was not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshtui.mesh.model import Mesh, Pod, Service, ServiceKey
from meshtui.mesh.routing import pods_of
from meshtui.mesh.row_work import RowWork
from meshtui.mesh.selector import selects
from meshtui.mesh.signals import Sample
from meshtui.mesh.text import some_of
from meshtui.mesh.unread_callers import MOST, clients_of_all, filled_words, not_read


def counted_words(
    rows: Sequence[RowWork],
    services: Sequence[ServiceKey],
    mesh: Mesh,
    sample: Sample,
    retried: bool = False,
) -> str:
    """Who counted in the place of callers, and what of the service's requests nobody counted.

    Empty where callers counted all. `services`: itself, then those of its rows.
    """
    words = [filled_words(services, sample, retried)] if sample.filled else []
    filled = clients_of_all(sample.filled, services)
    lost = (clients_of_all(sample.clients, services) & sample.unread) - filled
    seen = any(work.caller is not None and work.caller.requests for work in rows)
    if lost and seen:
        words.append(f"{not_read(lost)}: what {_it(lost)} is missing")
    if seen and sample.unread:
        words += _named_elsewhere(rows, services, mesh, sample)
    if words and words[0] and seen and filled & sample.unread:
        words += _of_those_who_answer(rows, services[0], mesh, sample)
    return "; ".join(one for one in words if one)


def _it(lost: frozenset[tuple[str, str]]) -> str:
    return "it sends" if len(lost) == 1 else "they send"


def _named_elsewhere(
    rows: Sequence[RowWork], services: Sequence[ServiceKey], mesh: Mesh, sample: Sample
) -> Iterator[str]:
    """Callers that were not read, and that those who answer name as another Service's."""
    known, key = clients_of_all(sample.clients, services), services[0]
    pods = [work.members[0] for work in rows if work.members]
    for other in sharing(mesh, key, pods):
        lost = (sample.clients.get(other.key, frozenset()) & sample.unread) - known
        if lost and other.key not in services:
            its = "it" if len(lost) == 1 else "they"
            counted = f"the pods count all as {other.key.name}'s"
            yield f"{not_read(lost)}: what {its} may send is missing, as {counted}"


def _of_those_who_answer(
    rows: Sequence[RowWork], service: ServiceKey, mesh: Mesh, sample: Sample
) -> Iterator[str]:
    """What the servers' own count lacks, and what it has of others."""
    members = [pod for work in rows for pod in work.members if pod.sidecar or pod.ambient]
    silent = frozenset((pod.namespace, pod.workload) for pod in members) & sample.unread
    if silent:
        yield f"{not_read(silent)}: what came there is missing"
    names = [one.key.name for one in sharing(mesh, service, members)]
    if names:
        yield f"what came to {some_of(names, MOST)} is in it"


def sharing(mesh: Mesh, key: ServiceKey, pods: Iterable[Pod]) -> tuple[Service, ...]:
    """Other services of the same port of the same pods.

    A pod's proxy counts what comes to a port for one service, the first of them: Istio's filter
    (extensions/stats) reads the first entry of the inbound cluster's list.
    """
    own = mesh.by_key.get(key)
    if own is None:
        return ()
    wanted, found = _targets(own), dict[ServiceKey, Service]()
    for pod in pods:
        if pod.namespace == key.namespace:
            found |= {one.key: one for one in _services_of(mesh, pod) if wanted & _targets(one)}
    return tuple(found[other] for other in sorted(found) if other != key)


def _services_of(mesh: Mesh, pod: Pod) -> Iterator[Service]:
    for label in pod.labels.items():
        for one in mesh.services_by_selector.get((pod.namespace, *label), ()):
            if selects(one.selector, pod.labels):
                yield one


def _targets(service: Service) -> frozenset[str]:
    return frozenset(port.target or str(port.number) for port in service.ports)


def counts_elsewhere(mesh: Mesh, key: ServiceKey, sample: Sample) -> tuple[str, ...]:
    """Services under whose name the pods of a service count what may have come to it."""
    own = mesh.by_key.get(key)
    if own is None:
        return ()
    shared = sharing(mesh, key, pods_of(mesh, own))
    totals = sample.server_totals
    return tuple(one.key.name for one in shared if one.key in totals and totals[one.key].requests)
