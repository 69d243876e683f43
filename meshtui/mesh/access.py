"""Whether the policies in force at a workload let a caller's requests in.

Envoy asks them as istiod orders them: external authorization (CUSTOM), then DENY, then ALLOW. What
telemetry does not tell of a request (its path, its method, its headers) leaves the answer open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from meshtui.dataclass import dataclass
from meshtui.mesh.authorization import (
    ALLOW,
    CUSTOM,
    DENY,
    AccessRule,
    AuthorizationPolicy,
    Block,
    Terms,
)

DENIED, MAYBE, ALLOWED = "denied", "maybe", "allowed"
_LOCAL = "cluster.local"
"""What policies may write for the mesh's own trust domain, whatever its name is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: its service account, and whether it comes by mutual TLS, without which a server
    knows of nobody's identity. `domains` are the names of the mesh's trust domain.
    """

    namespace: str
    account: str
    mutual: bool = True
    domains: Collection[str] = (_LOCAL,)

    @property
    def principals(self) -> tuple[str, ...]:
        names = dict.fromkeys((*self.domains, _LOCAL))
        return tuple(f"{name}/ns/{self.namespace}/sa/{self.account}" for name in names)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.account}" if self.mutual else "a caller without mutual TLS"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a caller's requests. `by` are the policies that deny or may deny them.

    Of DENY policies the one that fits; of ALLOW policies all there are, as none of them fits
    (`unmatched`).
    """

    answer: str
    by: tuple[AuthorizationPolicy, ...] = ()
    unmatched: bool = False


def decide(policies: Sequence[AuthorizationPolicy], caller: Identity | None, port: int) -> Decision:
    """For one caller (None: any) and one port of the workload."""
    denies = [(p, _fits_any(p, caller, port)) for p in policies if p.action in (DENY, CUSTOM)]
    sure = tuple(p for p, fit in denies if fit is True and p.action == DENY)
    if sure:
        return Decision(DENIED, sure)
    allows = [p for p in policies if p.action == ALLOW]
    fits = [_fits_any(p, caller, port) for p in allows]
    if allows and all(fit is False for fit in fits):
        return Decision(DENIED, tuple(allows), unmatched=True)
    perhaps = tuple(p for p, fit in denies if fit is not False)
    if allows and True not in fits:
        return Decision(MAYBE, (*perhaps, *allows), unmatched=not perhaps)
    return Decision(MAYBE, perhaps) if perhaps else Decision(ALLOWED)


def _fits_any(policy: AuthorizationPolicy, caller: Identity | None, port: int) -> bool | None:
    """True, False, or None where it depends on what is not known. No rules fit nothing."""
    return _some(_fits(rule, caller, port) for rule in policy.rules)


def _fits(rule: AccessRule, caller: Identity | None, port: int) -> bool | None:
    return _every(
        (
            _some(_holds(b, caller, port) for b in rule.sources) if rule.sources else True,
            _some(_holds(b, caller, port) for b in rule.operations) if rule.operations else True,
            _holds(rule.conditions, caller, port),
        )
    )


def _holds(block: Block, caller: Identity | None, port: int) -> bool | None:
    return _every(_term(term, caller, port) for term in block)


def _term(term: Terms, caller: Identity | None, port: int) -> bool | None:
    known = _known(term.name, caller, port)
    if known is None:
        return None
    found = any(_matches(value, text) for value in term.values for text in known)
    return found is not term.turned


def _known(name: str, caller: Identity | None, port: int) -> tuple[str, ...] | None:
    """What a term is compared with; None where that is not known."""
    if name in ("ports", "destination.port"):
        return (str(port),) if port else None
    if caller is None or name not in _OF_CALLER:
        return None
    if not caller.mutual:
        return ()
    return {
        "principals": caller.principals,
        "namespaces": (caller.namespace,),
        "serviceAccounts": (f"{caller.namespace}/{caller.account}",),
    }[_OF_CALLER[name]]


_OF_CALLER = {
    "principals": "principals",
    "source.principal": "principals",
    "namespaces": "namespaces",
    "source.namespace": "namespaces",
    "serviceAccounts": "serviceAccounts",
    "source.serviceAccount": "serviceAccounts",
}


def _matches(pattern: str, text: str) -> bool:
    """Exact, `begins*`, `*ends`, or `*` for anything."""
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern


def _every(parts: Iterable[bool | None]) -> bool | None:
    found = tuple(parts)
    if False in found:
        return False
    return None if None in found else True


def _some(parts: Iterable[bool | None]) -> bool | None:
    found = tuple(parts)
    if True in found:
        return True
    return None if None in found else False
