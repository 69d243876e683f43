"""What a change is: the object, the exact places, and both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from meshtui.changes.shape import yaml_diff
from meshtui.dataclass import dataclass
from meshtui.mesh.model import Json, Ref, ServiceKey

Operation = dict[str, Any]
"""One JSON Patch operation (RFC 6902)."""


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Which rule of the object: where it stood and, where it has one, its name."""

    name: str
    index: int
    protocol: str = "http"

    def __str__(self) -> str:
        return self.name or f"{self.protocol}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Effect:
    """What injects or copies, by what it is known: a part of a rule's fault, or one mirror.

    `rule` is the rule's name and match as JSON, `number` counts rules that are alike in both;
    `kind` is "delay", "abort" or "mirror"; `to` is a mirror's `host/subset`.
    """

    protocol: str
    rule: str
    number: int
    kind: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """What a change has in common with those that were made with it in other clusters."""

    id: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one object, not yet applied.

    `patch` and `inverse` hold no precondition: the resourceVersion is put in front when they are
    sent. `before` and `after` are the rule as the contract's JSON shows it. `words` tell the
    change to a person, a line each. `expected_rps` is the traffic that it touches.
    """

    verb: str
    service: ServiceKey
    target: Ref
    resource_version: str
    rule: RuleRef | None
    patch: tuple[Operation, ...]
    inverse: tuple[Operation, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    words: tuple[str, ...]
    spec_before: Json = field(default_factory=dict, repr=False)
    spec_after: Json = field(default_factory=dict, repr=False)
    undoes: str = ""
    """The identity of the change that this one takes back."""

    expires_s: float | None = None
    """Seconds after which it is taken back by itself; None for never."""

    guards: tuple[Effect, ...] = ()
    """The faults and mirrors that it sets, which the time limit is about."""

    records: bool = False
    """True where only the journal changes: nothing is written to the cluster."""

    together: Together | None = None
    """None where it is made in one cluster alone."""

    rule_before: RuleRef | None = None
    """The rule where it stands now; `rule` is where it stands once this is made."""

    @property
    def rule_words(self) -> str:
        """The rule as it is called now, and afterwards where rules before it come or go."""
        if self.rule is None:
            return ""
        now = self.rule_before
        if now is None or now.name or self.rule.name or now == self.rule:
            return str(self.rule)
        return f"{now} ({self.rule} once this is made)"

    @property
    def diff(self) -> tuple[str, ...]:
        """Lines of a unified diff of the object's YAML, without file names."""
        return yaml_diff(self.spec_before, self.spec_after)

    @property
    def empty(self) -> bool:
        """True where the object already is as asked, and the journal too."""
        return not self.patch and not self.records

    @property
    def action(self) -> str:
        """What the API server is asked to do: patch, create or delete.

        An object that is made or taken away whole is a patch of its root.
        """
        if self.patch and self.patch[0]["path"] == "":
            return "create" if self.patch[0]["op"] == "add" else "delete"
        return "patch"


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a person should know before the change is made.

    `level` is "info", "warning" or "danger"; a danger wants the service's name typed.
    """

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A change with what was found about it. `blast` says what it moves, in words.

    `others` are the changes of other objects that are made with it, in this order after it: one
    question, one entry of the journal, one undo. Each object has one part at most.
    Of a rollback, `stable` is the version it goes to, `stable_because` why, and `not_reached` says
    what it leaves as it is.
    """

    change: Change
    findings: tuple[Caution, ...] = ()
    blast: str = ""
    stable: str = ""
    stable_because: str = ""
    not_reached: tuple[str, ...] = ()
    others: tuple[Plan, ...] = ()
    all_or_nothing: bool = False
    """Where a part is refused, those that were made before it are taken back."""

    @property
    def parts(self) -> tuple[Plan, ...]:
        """Each object's own plan, in the order in which they are made."""
        return (replace(self, others=()), *self.others)

    @property
    def changes(self) -> tuple[Change, ...]:
        return (self.change, *(other.change for other in self.others))

    @property
    def empty(self) -> bool:
        """True where each object already is as asked."""
        return all(change.empty for change in self.changes)

    @property
    def dangerous(self) -> bool:
        return any(finding.level == "danger" for part in self.parts for finding in part.findings)

    @property
    def dangers(self) -> tuple[str, ...]:
        found = (finding for part in self.parts for finding in part.findings)
        return tuple(dict.fromkeys(f.text for f in found if f.level == "danger"))

    @property
    def warnings(self) -> tuple[str, ...]:
        found = (finding for part in self.parts for finding in part.findings)
        return tuple(dict.fromkeys(f.text for f in found if f.level != "info"))


def joined(plans: Sequence[Plan], *, all_or_nothing: bool = False) -> Plan:
    """One plan of several objects' plans, in order; those that change nothing fall away."""
    first, *others = [plan for plan in plans if not plan.empty] or plans[:1]
    return replace(first, others=tuple(others), all_or_nothing=all_or_nothing)


@dataclass(frozen=True, slots=True)
class Shift:
    """Weights in percent by label (subset, version or other host)."""

    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Promote:
    """All traffic to one version."""

    version: str


@dataclass(frozen=True, slots=True)
class Rollback:
    """All traffic to stable, mirrors and faults of the rule off. `stable` empty: found out.

    `everywhere`: also in the other rules and objects that use the service.
    """

    stable: str = ""
    why: str = ""
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class SetMirror:
    """Copy `percent` (0 to 100) of the traffic to `to`; `expires_s` None: until taken off."""

    to: str
    percent: float = 100.0
    expires_s: float | None = None


@dataclass(frozen=True, slots=True)
class ClearMirror:
    """No mirror any more; only the one to `to` where given."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class SetFault:
    """Inject a delay, an abort, or both; a part that is None stays as it is."""

    delay_s: float | None = None
    delay_percent: float = 100.0
    abort_http: int | None = None
    abort_grpc: str | None = None
    abort_percent: float = 100.0
    header: tuple[str, str] | None = None
    expires_s: float | None = 900.0


@dataclass(frozen=True, slots=True)
class ClearFault:
    """No fault any more in the rule; with `header` only the one that it targets."""

    header: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ClearAll:
    """No mirror and no fault any more in the rule."""


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """A limit in seconds, and with it how failed requests are tried again; None: leave as it is.

    `attempts` 0 switches retries off.
    """

    timeout_s: float | None = None
    attempts: int | None = None
    per_try_s: float | None = None
    retry_on: str | None = None


@dataclass(frozen=True, slots=True)
class ClearTimeout:
    """No timeout and no retry policy of the rule's own any more."""


@dataclass(frozen=True, slots=True)
class SetBreaker:
    """Connection pool limits and outlier detection of a host, or of one `subset` of it.

    Keys of `limits` are those of `breaker_fields.FIELDS`; values are integers, or durations as
    text.
    """

    subset: str = ""
    limits: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClearBreaker:
    """No connection pool limits and no outlier detection of the host's or subset's own."""

    subset: str = ""


RuleRequest = (
    Shift
    | Promote
    | Rollback
    | SetMirror
    | ClearMirror
    | SetFault
    | ClearFault
    | ClearAll
    | SetTimeout
    | ClearTimeout
)
"""What changes one rule of a VirtualService."""

PolicyRequest = SetBreaker | ClearBreaker
"""What changes a DestinationRule."""

Request = RuleRequest | PolicyRequest


@dataclass(frozen=True, slots=True)
class Target:
    """Which service and which of its rules: `rule` is a name or an index, empty for the ordinary.

    `uid` and `resource_version`, where given, are of the object that the person looked at: the
    change is refused as a conflict when it is another one by now. `callers` are the workloads that
    telemetry saw calling the service, by namespace and name; None where that is not known.
    """

    service: ServiceKey
    rule: str = ""
    uid: str = ""
    resource_version: str = ""
    callers: frozenset[tuple[str, str]] | None = None
