"""What access logs say of a service's answers that telemetry does not: Envoy's details.

Metrics count a code and a flag. The log says beside them why: which policy denied, which timeout
it was, that the program itself answered. It is the strongest evidence there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from meshtui.diagnosis.explain.evidence import LoggedAnswer
from meshtui.diagnosis.explain.scope import VersionScope, listed, pods_in
from meshtui.mesh.sides import CALLER, SERVER
from meshtui.mesh.text import clean

ITSELF = "via_upstream"
"""The details of what was answered by what stands behind the proxy."""

MOST = 3
LONGEST = 120


def of_answers(scope: VersionScope, answers: Iterable[tuple[LoggedAnswer, int]], side: str,
               *, code: str = "", flag: str = "") -> list[tuple[LoggedAnswer, int]]:  # fmt: skip
    """Those that a code or a flag of the scope may be about, the most frequent first."""
    mine = {(pod.namespace, pod.name) for pod in pods_in(scope)}
    found: Counter[LoggedAnswer] = Counter()
    for one, number in answers:
        about = flag in one.flags if flag else str(one.code) == code and not one.flags
        place = one.pod is None if scope.nowhere else one.pod is None or one.pod in mine
        if about and place and one.side == side:
            found[replace(one, pod=None)] += number
    return found.most_common()


def logged_sentence(scopes: Iterable[VersionScope], side: str, is_flag: bool, code: str) -> str:
    """Of which details the log's lines about a code or flag are; empty where there are none."""
    found: Counter[LoggedAnswer] = Counter()
    for scope in scopes:
        logged = scope.evidence.logged if scope.evidence else None
        wanted = {"flag" if is_flag else "code": code}
        found.update(dict(of_answers(scope, logged.items(), side, **wanted)) if logged else {})
    texts = [
        f"{number}× {clean(one.details, LONGEST)}{f' ({_lowered(one)})' if one.meaning else ''}"
        for one, number in found.most_common()
        if one.details
    ]
    whose = "The callers' log" if side == CALLER else "Its own proxy's log"
    return f"{whose}: {listed(texts, MOST)}." if texts else ""


def _lowered(one: LoggedAnswer) -> str:
    text = one.meaning.removesuffix(".")
    text = f"{text[:1].lower()}{text[1:]}"
    if one.policy is None:
        return text
    namespace, name, rule = one.policy
    which = f"rule {rule} of AuthorizationPolicy {clean(namespace)}/{clean(name)}"
    return f"{which}: {clean(text)}" if "CUSTOM" in text else which


def turned_away(scope: VersionScope) -> str:
    """Connections that the pods' proxies closed as no filter chain takes them: only logs tell."""
    logged = scope.evidence.logged if scope.evidence else None
    if logged is None or scope.nowhere:
        return ""
    found = of_answers(scope, logged.items(), SERVER, flag="NR")
    number = sum(count for one, count in found if one.details == "filter_chain_not_found")
    if not number:
        return ""
    return (
        f"Its own proxy's log: {number}× NR filter_chain_not_found: it takes no connection of this "
        "kind, as where it wants mutual TLS and the caller sends plain text."
    )


def refused_sentences(scope: VersionScope) -> tuple[str, ...]:
    found = scope.evidence.refused if scope.evidence else ()
    return tuple(f"{text[:1].upper()}{text[1:]}" for text in found)
