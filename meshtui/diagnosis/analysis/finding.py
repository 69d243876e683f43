"""What a check says: one thing that is wrong, where it stands, what comes of it, what to do."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Ref

ERROR = "error"
WARNING = "warning"
INFO = "info"

RANK = {ERROR: 0, WARNING: 1, INFO: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    `severity` is "error" (requests fail, or are sent where nobody meant them to go), "warning"
    (something written does not do what it says) or "info" (worth knowing, nothing is broken).
    `field` is a path in the object, `spec.http[1].route[0].destination.subset`. `effect` says in
    one sentence what happens because of it, `advice` in one what to do. `same_as` are the codes of
    Istio (`IST…`, istioctl analyze) and Kiali (`KIA…`) that mean the same. `cluster` is the
    object's, empty where there is one cluster.
    """

    code: str
    severity: str
    object: Ref
    field: str
    effect: str
    advice: str
    same_as: tuple[str, ...] = ()
    cluster: str = ""

    @property
    def order(self) -> tuple[int, str, str, str, str, str]:
        """The worst first, then by object and field, so that a list stands still."""
        where = f"{self.object.namespace}/{self.object.name}"
        rank = RANK.get(self.severity, 3)
        return rank, where, self.object.kind, self.field, self.code, self.cluster


@dataclass(frozen=True, slots=True)
class Limit:
    """A fault or mirror (`kind`) that will be taken back by itself, as the journal knows.

    `rule` is the rule's title: its name, or `http[0]`.
    """

    kind: str
    namespace: str
    name: str
    rule: str
