"""Who may call a workload: AuthorizationPolicies and RequestAuthentications, as objects.

From istiod (pilot/pkg/model/authorization.go, pilot/pkg/security/authz): those of the root
namespace hold for all workloads that they select, the others for those of their namespace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.attachment import Behind, Target, attached, targets_of, waits_for_targets
from meshtui.mesh.istio import Json, Ref

ALLOW, DENY, CUSTOM, AUDIT = "ALLOW", "DENY", "CUSTOM", "AUDIT"
SERVICE_ACCOUNTS = ("serviceAccounts", "source.serviceAccount")
_DRY_RUN = "istio.io/dry-run"


@dataclass(frozen=True, slots=True)
class Terms:
    """Values of which one must fit, or, where `turned`, of which none may."""

    name: str
    values: tuple[str, ...]
    turned: bool = False


Block = tuple[Terms, ...]
"""Terms that must all hold: one `source`, one `operation`, or one `when`."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A rule fits where one of the sources fits, one of the operations, and all conditions.

    Without sources any fits, and without operations.
    """

    sources: tuple[Block, ...] = ()
    operations: tuple[Block, ...] = ()
    conditions: Block = ()


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """`selector` is None for all workloads of the namespace; where there are `targets` they choose
    the gateways and waypoints that it is for. `dry_run`: it is counted, not enforced.
    """

    ref: Ref
    action: str = ALLOW
    selector: Mapping[str, str] | None = None
    targets: tuple[Target, ...] = ()
    rules: tuple[AccessRule, ...] = ()
    provider: str = ""
    dry_run: bool = False
    created: str = ""

    @property
    def enforced(self) -> bool:
        return not self.dry_run and self.action in (ALLOW, DENY, CUSTOM)


@dataclass(frozen=True, slots=True)
class RequestAuthentication:
    """Which tokens workloads accept: a request with another is answered 401, one without passes."""

    ref: Ref
    selector: Mapping[str, str] | None = None
    targets: tuple[Target, ...] = ()
    issuers: tuple[str, ...] = ()
    created: str = field(default="", compare=False)


def parse_authorization_policy(raw: Json) -> AuthorizationPolicy:
    spec, home = read.obj(raw, "spec"), read.text(read.obj(raw, "metadata"), "namespace")
    annotations = read.obj(raw, "metadata", "annotations")
    return AuthorizationPolicy(
        _ref("AuthorizationPolicy", raw),
        action=read.text(spec, "action") or ALLOW,
        selector=_selector(spec),
        targets=targets_of(spec),
        rules=tuple(_rule(rule, home) for rule in read.objects(spec, "rules")),
        provider=read.text(read.obj(spec, "provider"), "name"),
        dry_run=read.text(annotations, _DRY_RUN).lower() == "true",
        created=read.created(raw),
    )


def parse_request_authentication(raw: Json) -> RequestAuthentication:
    spec = read.obj(raw, "spec")
    issuers = (read.text(rule, "issuer") for rule in read.objects(spec, "jwtRules"))
    return RequestAuthentication(
        _ref("RequestAuthentication", raw),
        selector=_selector(spec),
        targets=targets_of(spec),
        issuers=tuple(dict.fromkeys(filter(None, issuers))),
        created=read.created(raw),
    )


def _ref(kind: str, raw: Json) -> Ref:
    meta = read.obj(raw, "metadata")
    return Ref(kind, read.text(meta, "namespace"), read.text(meta, "name"), read.text(meta, "uid"))


def _selector(spec: Json) -> Mapping[str, str] | None:
    return read.labels(read.obj(spec, "selector"), "matchLabels") or None


def _rule(raw: Json, home: str) -> AccessRule:
    sources = (read.obj(each, "source") for each in read.objects(raw, "from"))
    operations = (read.obj(each, "operation") for each in read.objects(raw, "to"))
    return AccessRule(
        tuple(_block(each, home) for each in sources),
        tuple(_block(each, home) for each in operations),
        tuple(term for each in read.objects(raw, "when") for term in _condition(each, home)),
    )


def _block(raw: Json, home: str) -> Block:
    """`principals` and `notPrincipals` are one name, the second turned round."""
    found = []
    for key in sorted(raw):
        values = read.texts(raw, key)
        turned = key.startswith("not") and key[3:4].isupper()
        if values:
            name = key[3].lower() + key[4:] if turned else key
            found.append(_terms(name, values, turned, home))
    return tuple(found)


def _condition(raw: Json, home: str) -> Iterable[Terms]:
    key = read.text(raw, "key")
    for name, turned in (("values", False), ("notValues", True)):
        if values := read.texts(raw, name):
            yield _terms(key, values, turned, home)


def _terms(name: str, values: tuple[str, ...], turned: bool, home: str) -> Terms:
    """A service account without a namespace is one of the policy's own."""
    if name in SERVICE_ACCOUNTS:
        values = tuple(value if "/" in value else f"{home}/{value}" for value in values)
    return Terms(name, values, turned)


def in_force(
    policies: Iterable[AuthorizationPolicy],
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    behind: Collection[Behind] = (),
) -> tuple[AuthorizationPolicy, ...]:
    """The policies that a proxy enforces, by namespace and name. `behind`: see `attached`."""
    return tuple(p for p in policies if p.enforced and _holds(p, root, namespace, labels, behind))


def tokens_in_force(
    policies: Iterable[RequestAuthentication],
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    behind: Collection[Behind] = (),
) -> tuple[RequestAuthentication, ...]:
    return tuple(p for p in policies if p.issuers and _holds(p, root, namespace, labels, behind))


def _holds(
    policy: AuthorizationPolicy | RequestAuthentication,
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    behind: Collection[Behind],
) -> bool:
    home = policy.ref.namespace
    if policy.targets:
        return attached(policy.targets, home, root, namespace, labels, behind)
    if home not in (root, namespace) or waits_for_targets(labels):
        return False
    chosen = policy.selector or {}
    return all(labels.get(key) == value for key, value in chosen.items())
