"""A host outside of the cluster that somebody names as a service: where its traffic is ruled."""

from __future__ import annotations

from meshtui.errors import NotFound, Refused
from meshtui.mesh.model import Mesh, RuleOwner, Service, ServiceKey
from meshtui.mesh.resolution.names import covered
from meshtui.mesh.text import some_of
from meshtui.mesh.versions import owner_of

_MOST = 3


def is_outside(mesh: Mesh, host: str) -> bool:
    """Whether a destination is a ServiceEntry's host and no Service: what answers there are no
    pods of ours, and nobody can say here whether it is ready.
    """
    return host not in mesh.by_host and any(host in entry.hosts for entry in mesh.service_entries)


def outside_service(mesh: Mesh, host: str) -> Service:
    """A host outside of the cluster as if it were a Service: in the namespace of who registers it,
    whose DestinationRules count for all that call it."""
    known = owner_of(mesh, host)
    entry = next(e for e in mesh.service_entries if host in e.hosts)
    return Service(known or ServiceKey(entry.ref.namespace, host), host)


def refuse_as_version(mesh: Mesh, name: str, why: str) -> None:
    """Raises `Refused` where `name`, meant as a version, is a host outside of the cluster: `why`
    says what it has not, which versions have."""
    if is_outside(mesh, name.lower()):
        raise Refused(f"{name} is a host outside of the cluster: {why}")


def refuse_outside(mesh: Mesh, name: str) -> None:
    """Raises `NotFound` where `name` is a ServiceEntry's host, with what there is to name instead.

    It is a destination as any of the rules that send to it, and has no pods of its own to be told
    apart: what its own rules do is changed where they stand.
    """
    host = name.lower()
    named = [e for e in mesh.service_entries if any(covered(host, h.lower()) for h in e.hosts)]
    exact = (e for e in named if host in map(str.lower, e.hosts))
    entry = next(exact, named[0] if named else None)
    if entry is None or "." not in host:
        return
    what = f"{name} is a host of {entry.ref} and no Service of the cluster"
    raise NotFound(what, _instead(mesh, host))


def _instead(mesh: Mesh, host: str) -> str:
    """The services whose rules send to it, else the objects that rule it, else nothing."""
    owners = [owner for owner, _ in mesh.rules_by_destination.get(host, ())]
    services = dict.fromkeys(
        str(service.key)
        for owner in owners
        for service in mesh.services
        if service.host in owner.hosts
    )
    if services:
        return f"name the service whose rule sends to it: {some_of(list(services), _MOST)}"
    own: list[RuleOwner] = [one for one in mesh.virtual_services if host in one.hosts]
    objects = dict.fromkeys(_object(owner) for owner in (*own, *owners))
    if objects:
        return f"its rules are in {some_of(list(objects), _MOST)}: `meshtui edit` changes them"
    return "no rule sends to it"


def _object(owner: RuleOwner) -> str:
    short = "vs" if owner.ref.kind == "VirtualService" else "route"
    return f"{short}/{owner.ref.name}.{owner.ref.namespace}"
