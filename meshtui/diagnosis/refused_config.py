"""Configurations that proxies refuse: they go on with the last good one, for all of its hosts.

Only istiod knows of refused routes: it counts them by proxy (`pilot_xds_rds_reject`), and never
takes one back. Whether a proxy still refuses shows in what it does not serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.diagnosis.analysis.finding import ERROR, INFO, Finding
from meshtui.mesh.model import Ref
from meshtui.mesh.quantity import human_duration
from meshtui.mesh.text import clean, some_of

ROUTES = "rds"
KINDS = {"rds": "routes (RDS)", "cds": "clusters (CDS)", "lds": "listeners (LDS)",
         "eds": "endpoints (EDS)"}  # fmt: skip
"""What istiod counts refusals of, in its own short names and in words."""

NAMED = 3
BEHIND_S = 10.0
"""A proxy that has no newer routes for less long is only on its way to them."""


@dataclass(frozen=True, slots=True)
class RefusedConfig:
    """What one proxy has refused since its istiod began.

    `missing` are the objects that it does not serve as they are written; None where that is not
    known. `updated` is when its routes came, in seconds since the epoch. `said` is what it refuses
    now by istiod's own account, kinds and words.
    """

    namespace: str
    pod: str
    kinds: tuple[str, ...]
    missing: tuple[Ref, ...] | None = None
    updated: float | None = None
    said: tuple[tuple[str, str], ...] = ()

    @property
    def still(self) -> bool | None:
        """Whether it refuses now; None where that can't be seen.

        That istiod's account has no refusal tells nothing: an update without what was refused is
        taken, and the proxy goes on with what it had of that.
        """
        if self.missing or self.said:
            return True
        return None if self.missing is None or self.unseen else False

    @property
    def unseen(self) -> tuple[str, ...]:
        """The kinds of which nothing shows whether it refuses one."""
        told = {ROUTES, *(kind for kind, _ in self.said)}
        return tuple(kind for kind in self.kinds if kind not in told)


@dataclass(frozen=True, slots=True)
class RefusedConfigs:
    """Those of all proxies; `trouble` says why istiod's counts are not known."""

    found: tuple[RefusedConfig, ...] = ()
    trouble: str = ""

    def of(self, namespace: str, pod: str) -> RefusedConfig | None:
        return next((o for o in self.found if (o.namespace, o.pod) == (namespace, pod)), None)


def kinds_words(kinds: Iterable[str]) -> str:
    return ", ".join(KINDS.get(kind, kind) for kind in kinds)


def sentence(one: RefusedConfig, now: float) -> str:
    """What istiod counts of a proxy, and what of it is so at this moment."""
    what = f"the proxy of {clean(one.pod)} has refused {kinds_words(one.kinds)}, by istiod's count"
    if one.said and not one.missing:
        more = f" It has refused {kinds_words(one.unseen)}, too." if one.unseen else ""
        return f"the proxy of {clean(one.pod)} refuses {_told(one.said)}{more}"
    if one.missing is None:
        return f"{what}; whether it still does is not known."
    if not one.missing and one.unseen:
        unseen = kinds_words(one.unseen)
        return f"{what}; whether it still does is not known of {unseen}, its routes are as written."
    if not one.missing:
        return f"{what}, and serves by now what is written."
    age = f" of {human_duration(now - one.updated)} ago" if one.updated is not None else ""
    names = [f"{ref.kind} {ref.namespace}/{ref.name}" for ref in one.missing]
    found = (
        f"{what}: it goes on with those{age}, for all of its hosts, and does not serve "
        f"{some_of(names, NAMED)} as written."
    )
    return f"{found} It refuses {_told(one.said)}" if one.said else found


def _told(said: Iterable[tuple[str, str]]) -> str:
    """`listeners (LDS): virtualInbound: script load error …`, ended as a sentence."""
    found = ((KINDS.get(kind, kind), words.rstrip(".")) for kind, words in said)
    return f"{'; '.join(f'{kind}: {words}' if words else kind for kind, words in found)}."


def behind(newer: Iterable[float], updated: float | None, now: float) -> str:
    """A proxy whose routes differ from what is written, beside those that have newer ones."""
    since = sorted(time for time in newer if updated is not None and time > updated)
    if not since or now - since[0] < BEHIND_S:
        return ""
    others = f"{len(since)} other{'s' if len(since) > 1 else ''}"
    return (
        f"this proxy has not taken newer routes for {human_duration(now - since[0])}, while "
        f"{others} did: it may refuse them, or not hear of istiod"
    )


def _alike(found: Iterable[RefusedConfig]) -> Iterator[tuple[RefusedConfig, int]]:
    """Those that may refuse still: the first of a namespace's that are alike, and how many more."""
    groups: dict[tuple[object, ...], list[RefusedConfig]] = {}
    for one in found:
        if one.still is not False:
            groups.setdefault((one.namespace, one.kinds, one.missing, one.said), []).append(one)
    for group in groups.values():
        yield group[0], len(group) - 1


def sentences_of(found: Iterable[RefusedConfig], now: float) -> tuple[str, ...]:
    """Of what proxies refuse at this moment, or may refuse still where no proxy shows it."""
    return tuple(
        f"{sentence(first, now)}{f' So do {others} more.' if others else ''}"
        for first, others in _alike(one for one in found if one.still or one.unseen)
    )


def findings_of(refused: RefusedConfigs, now: float) -> Iterator[Finding]:
    """One for the proxies of a namespace that refuse alike; a refusal that is over is none."""
    for first, others in _alike(refused.found):
        several = f" So do {others} more of the namespace." if others else ""
        effect = sentence(first, now)
        yield Finding(
            "refused-configuration",
            ERROR if first.still else INFO,
            Ref("Pod", first.namespace, first.pod),
            "",
            f"{effect[:1].upper()}{effect[1:]}{several}",
            _advice(first),
        )


def _advice(one: RefusedConfig) -> str:
    log = f"kubectl -n {one.namespace} logs {one.pod} -c istio-proxy: its line with `rejected:`"
    if one.said and not one.missing:
        return (
            "Correct what it comes of, or take it back: most often an EnvoyFilter that holds for "
            "this pod. Until then the proxy goes on with what it had."
        )
    if one.missing:
        return f"{log} says what; correct that in the newest of them, or take it back."
    return f"{log} says what, if it is recent."
