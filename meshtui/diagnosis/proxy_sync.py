"""How the proxies of the mesh stand with the control plane, each by the best that is known of it.

istiod knows what it sent and what was acknowledged. Where it cannot be asked, a proxy itself says
whether it is connected and what it refused of clusters and listeners. Where neither can, its pod
is all there is, and the row says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.diagnosis.refused_config import RefusedConfig, RefusedConfigs
from meshtui.mesh import read
from meshtui.mesh.model import Pod
from meshtui.mesh.pod_health import pod_trouble
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.syncz import ERROR, NOT_SENT, STALE, SYNCED, ProxySync, newest_of
from meshtui.mesh.text import clean

IN_SYNC, BEHIND, REFUSES = "in sync", "stale", "refuses"
NOT_CONNECTED, NOT_RUNNING, UNKNOWN = "not connected", "not running", "unknown"
STATES = (REFUSES, NOT_CONNECTED, BEHIND, UNKNOWN, NOT_RUNNING, IN_SYNC)
"""The worst first."""

SIDECAR, GATEWAY, WAYPOINT, ZTUNNEL = "sidecar", "gateway", "waypoint", "ztunnel"
_KINDS = {"router": GATEWAY, "sidecar": SIDECAR}

LONGEST_WORDS = 600
_CLASS = "gateway.networking.k8s.io/gateway-class-name"
_MANAGED = "gateway.istio.io/managed"
_ENDED = ("Succeeded", "Failed")
_DEBUG_STRING = "goo.gle/debug"


@dataclass(frozen=True, slots=True)
class ProxyAnswer:
    """What a proxy said of itself: `connected` None where it does not say, `rejected` the updates
    of each type that it refused since it started, which it counts where `counts` is true;
    `trouble` why it could not be asked."""

    connected: bool | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A configuration that a proxy refused, with its words where they are known. `still`: it
    refuses it now; None where that is not known. `at` is when istiod sent it last."""

    type: str
    words: str = ""
    still: bool | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """One proxy. `pod` is None where its pod is not known here: a virtual machine, another
    cluster's, or one that may not be read. `why` says what the state rests on, where it is not
    well. `cluster` is where it runs, empty where there is one cluster."""

    namespace: str
    name: str
    kind: str
    state: str
    pod: Pod | None = None
    sync: ProxySync | None = None
    refused: tuple[Refusal, ...] = ()
    why: str = ""
    cluster: str = ""

    @property
    def label(self) -> str:
        """`web-1.shop`, of several clusters with its own."""
        return f"{self.name}.{self.namespace}" + (f" in {self.cluster}" if self.cluster else "")

    @property
    def version(self) -> str:
        """The tag of its image; where that is not known, what it told istiod."""
        own = self.pod.proxy_version if self.pod else ""
        return own or (self.sync.istio_version if self.sync else "")

    @property
    def in_sync(self) -> bool | None:
        """None where it is not known."""
        return None if self.state == UNKNOWN else self.state == IN_SYNC

    @property
    def place(self) -> tuple[str, str]:
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class SyncFacts:
    """All that was read beside the pods. `istiod_trouble` says why istiod's own account is not
    known or not whole; `counted` are istiod's counts of refusals."""

    clients: Iterable[ProxySync] = ()
    istiod_trouble: str = ""
    counted: RefusedConfigs = field(default_factory=RefusedConfigs)
    answers: Mapping[tuple[str, str], ProxyAnswer] = field(default_factory=dict)


def kind_of(pod: Pod) -> str:
    """A waypoint is a gateway whose class or controller is the mesh's own."""
    own = pod.labels.get(_CLASS, "") == "istio-waypoint"
    if own or pod.labels.get(_MANAGED, "") == "istio.io-mesh-controller":
        return WAYPOINT
    return GATEWAY if pod.gateway else SIDECAR


def proxies_among(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The pods whose proxy runs or is to run: of a pod that has ended there is none."""
    return tuple(pod for pod in pods if pod.sidecar and pod.phase not in _ENDED)


def proxy_rows(pods: Iterable[Pod], asked: SyncFacts, now: float) -> tuple[ProxyRow, ...]:
    """A row for each proxy's pod and for each further client of istiod, by namespace and name."""
    clients = newest_of(asked.clients)
    known = proxies_among(pods)
    rows = [_row(pod, clients.pop((pod.namespace, pod.name), None), asked, now) for pod in known]
    rows += [_foreign(client, asked, now) for client in clients.values() if client.types]
    return tuple(sorted(rows, key=lambda row: row.place))


def _row(pod: Pod, client: ProxySync | None, asked: SyncFacts, now: float) -> ProxyRow:
    counted = asked.counted.of(pod.namespace, pod.name)
    answer = asked.answers.get((pod.namespace, pod.name), ProxyAnswer())
    refused = tuple(_refusals(client, counted, answer))
    if client is not None and client.types:
        state, why = _by_istiod(client, refused, now)
    elif pod.phase != "Running":
        trouble = pod_trouble(pod, now)
        state, why = NOT_RUNNING, trouble.words if trouble else f"its pod is {pod.phase or '?'}"
    else:
        state, why = _by_itself(answer, refused, asked)
    kind = _kind(client) if client is not None and client.kind else kind_of(pod)
    return ProxyRow(pod.namespace, pod.name, kind, state, pod, client, refused, why)


def _foreign(client: ProxySync, asked: SyncFacts, now: float) -> ProxyRow:
    counted = asked.counted.of(client.namespace, client.name)
    refused = tuple(_refusals(client, counted, ProxyAnswer()))
    state, why = _by_istiod(client, refused, now)
    why = "; ".join(filter(None, (why, "no pod of this name is known here")))
    return ProxyRow(client.namespace, client.name, _kind(client), state, None, client, refused, why)


def _kind(client: ProxySync) -> str:
    return _KINDS.get(client.kind, client.kind or SIDECAR)


def _by_istiod(client: ProxySync, refused: Iterable[Refusal], now: float) -> tuple[str, str]:
    if any(one.still for one in refused):
        return REFUSES, ""
    stale = [one for one in client.types if one.state == STALE]
    if stale:
        ages = [now - one.sent_at for one in stale if one.sent_at is not None]
        since = f" for {human_duration(max(ages))}" if ages else ""
        names = ", ".join(one.type for one in stale)
        return BEHIND, f"has not acknowledged {names}{since}"
    if all(one.state == NOT_SENT for one in client.types):
        return BEHIND, "is connected, and was sent nothing yet"
    return IN_SYNC, ""


def _by_itself(
    answer: ProxyAnswer, refused: Iterable[Refusal], asked: SyncFacts
) -> tuple[str, str]:
    """A proxy that istiod does not name, or where no istiod could be asked."""
    if any(one.still for one in refused):
        return REFUSES, ""
    if answer.connected is False:
        return NOT_CONNECTED, "it says that it is not connected to istiod"
    if answer.connected is None:
        own = answer.trouble or _silence(answer)
        if asked.istiod_trouble:
            return UNKNOWN, own
        return NOT_CONNECTED, f"istiod does not know it; {own}"
    if not asked.istiod_trouble:
        return UNKNOWN, "it is connected to an istiod that was not asked, or only now"
    if asked.counted.trouble or any(one.still is None for one in refused):
        return UNKNOWN, "it is connected; whether it has taken everything only istiod knows"
    return IN_SYNC, ""


def _silence(answer: ProxyAnswer) -> str:
    """Of a proxy that answers, and keeps no statistics of its stream from istiod."""
    nothing = answer.counts and not answer.rejected
    return f"it {'refused nothing, and ' if nothing else ''}does not say whether it is connected"


def _refusals(
    client: ProxySync | None, counted: RefusedConfig | None, answer: ProxyAnswer
) -> Iterator[Refusal]:
    """What it refuses now with its words, then what it has refused before."""
    named = set()
    known = client is not None and client.refusals_known
    kinds = {kind.upper() for kind in counted.kinds} if counted else set()
    for one in client.types if client else ():
        unsaid = not known and one.state == STALE and one.type in kinds
        if one.state == ERROR or unsaid:
            named.add(one.type)
            yield Refusal(one.type, refusal_words(one.error), True, one.sent_at)
    earlier = kinds | {name for name, count in answer.rejected.items() if count}
    for name in sorted(earlier - named):
        now = client.of(name) if client else None
        missing = counted.missing if counted and name == "RDS" else None
        since = missing is None and now is not None and now.state in (SYNCED, STALE)
        still = None if missing is None else bool(missing)
        yield Refusal(name, _TAKEN_SINCE if since else "", still)


_TAKEN_SINCE = "it has taken updates since; whether one brought what it refused is not known"
"""An update has only what changed: one without what was refused is taken, and istiod's account is
in sync again, while the proxy goes on with what it had of that (seen with a cluster)."""


_RESOURCE = re.compile(r'^name: "([^"\n]{1,200})"', re.MULTILINE)
_REASON = re.compile(r"^: (.+)", re.MULTILINE | re.DOTALL)


def refusal_words(error: str) -> str:
    """A refusal on one line. Of a resource that is printed whole its name and the reason."""
    if not error.startswith(_DEBUG_STRING):
        return clean(" ".join(error.split()), LONGEST_WORDS)
    resource, reason = _RESOURCE.search(error), _REASON.search(error)
    name = f"{resource[1]}: " if resource else ""
    words = " ".join(reason[1].split()) if reason else ""
    return clean(f"{name}{words or CUT_OFF}", LONGEST_WORDS)


CUT_OFF = "the reason is cut off in istiod"


def is_cut_off(refusal: Refusal) -> bool:
    """Whether only the proxy's own log has the reason."""
    return refusal.still is True and (not refusal.words or refusal.words.endswith(CUT_OFF))


_REJECTED = re.compile(
    r"config for type\.googleapis\.com/([\w.]+) rejected: "
    r"(.*?)(?=\tthread=|\n\d{4}-\d\d-\d\dT|\Z)",
    re.DOTALL,
)
_MESSAGES = {"Cluster": "CDS", "Listener": "LDS", "ClusterLoadAssignment": "EDS",
             "RouteConfiguration": "RDS", "TypedExtensionConfig": "ECDS"}  # fmt: skip


def logged_refusals(log: str) -> dict[str, str]:
    """The last refusal of each type in a proxy's log, text or JSON, in words."""
    found = (one for entry in _log_entries(log) for one in _REJECTED.finditer(entry))
    named = ((_MESSAGES.get(one[1].rpartition(".")[2], ""), one[2]) for one in found)
    return {kind: refusal_words(error) for kind, error in named if kind}


def _log_entries(log: str) -> Iterator[str]:
    """The text as it is, for an entry may have several lines; each entry in JSON as its text."""
    text = []
    for line in log.split("\n"):
        if not line.startswith("{"):
            text.append(line)
            continue
        try:
            yield read.text(json.loads(line), "msg")
        except (ValueError, RecursionError):
            text.append(line)
    yield "\n".join(text)


def counts_of(rows: Iterable[ProxyRow]) -> dict[str, int]:
    """How many are in each state, those that some are in, the worst first."""
    found = [row.state for row in rows]
    return {state: found.count(state) for state in STATES if state in found}


def types_words(sync: ProxySync) -> str:
    """`4 in sync`, or `2 in sync, LDS ERROR, RDS ERROR`."""
    synced = sum(one.state == SYNCED for one in sync.types)
    others = [
        f"{one.type} {one.state.replace('_', ' ')}" for one in sync.types if one.state != SYNCED
    ]
    return ", ".join([f"{synced} in sync", *others])


def row_lines(row: ProxyRow, now: float) -> list[str]:
    """What the cells of a row do not say: why it is not well, and what it refused."""
    lines = [row.why] if row.why else []
    return lines + [refusal_line(one, now) for one in row.refused]


def refusal_line(one: Refusal, now: float) -> str:
    """`refuses LDS (sent 6s ago): 0.0.0.0_9080: …`."""
    if one.still:
        sent = f" (sent {human_duration(now - one.at)} ago)" if one.at is not None else ""
        return f"refuses {one.type}{sent}: {one.words or 'its log has the reason'}"
    if one.still is None:
        return f"has refused {one.type}; {one.words or 'whether it still does is not known'}"
    return f"has refused {one.type} before, and takes it now"
