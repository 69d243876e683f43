"""Does a proxy serve what the objects ask for? "Applied" is true when the proxies say so.

What is asked for is what istiod makes of the objects for this client (`meshtui.mesh.resolution`);
it is held against the proxy's own virtual host, route by route.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from meshtui.dataclass import dataclass
from meshtui.envoy.matches import parse_match
from meshtui.envoy.route_differences import route_differences
from meshtui.envoy.route_facts import match_fact, owner_of
from meshtui.envoy.virtual_hosts import ProxyHost
from meshtui.mesh import read
from meshtui.mesh.gateway_api import rule_key
from meshtui.mesh.model import Json
from meshtui.mesh.resolution import Route, VirtualHost
from meshtui.mesh.resolution.matches import takes_everything
from meshtui.mesh.resolution.routes import reached

IN_SYNC, OLD, ABSENT = "in sync", "old", "absent"

RulePlace = tuple[str, str, str, int]
"""Namespace and name of an object, the list in it and the index there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proxy does about a rule.

    `state` is "in sync", "old" (something differs, see `differences`) or "absent": it has nothing
    of it at all.
    """

    state: str
    differences: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        return self.state == IN_SYNC


@dataclass(frozen=True, slots=True)
class Pair:
    """A route that should be there, and the proxy's that stands for it; one of both may be missing.

    `place` is the proxy's place in its virtual host, -1 where it has none.
    """

    asked: Route | None
    actual: Json | None
    place: int
    differences: tuple[str, ...] = ()

    @property
    def rules(self) -> frozenset[RulePlace]:
        """The rule of the VirtualService, and that of its delegate where it has one."""
        return rules_of(self.asked) if self.asked else frozenset()


@dataclass(frozen=True, slots=True)
class Compared:
    """A virtual host that should be there, beside the proxy's. `differences` are its own."""

    asked: VirtualHost | None
    actual: ProxyHost | None
    pairs: tuple[Pair, ...] = ()
    differences: tuple[str, ...] = ()

    def verdict(self, rules: Collection[RulePlace] | None = None) -> Verdict:
        """Of the whole virtual host, or of what some rules come to in it.

        To a rule counts, beside its own routes, what the proxy has before them and should not.
        """
        found = list(self.differences)
        last = self._last(rules)
        for pair in self.pairs:
            of_rule = rules is None or (pair.asked is not None and pair.rules & set(rules))
            before = pair.asked is None and 0 <= pair.place < last
            if of_rule or before:
                found += pair.differences
        if self.asked is not None and self.actual is None:
            return Verdict(ABSENT, tuple(found))
        return Verdict(OLD if found else IN_SYNC, tuple(dict.fromkeys(found)))

    def _last(self, rules: Collection[RulePlace] | None) -> int:
        wanted = set(rules or ())
        return max((pair.place for pair in self.pairs if pair.rules & wanted), default=-1)

    def holds(self, rules: Collection[RulePlace]) -> bool:
        """Whether requests of the client come to any of the rules here, as the objects are."""
        return any(pair.rules & set(rules) for pair in self.pairs)

    def served(self, rules: Collection[RulePlace]) -> tuple[Json, ...]:
        """The proxy's routes that stand for some rules."""
        wanted = set(rules)
        return tuple(p.actual for p in self.pairs if p.actual is not None and p.rules & wanted)


def rules_of(route: Route) -> frozenset[RulePlace]:
    """Where the rule behind a route stands; none for a default route."""
    if route.rule is None:
        return frozenset()
    places = (route.rule.root, route.rule.holder)
    return frozenset(rule_key(p.service.ref, p.protocol, p.index) for p in places)


def host_of(hosts: Iterable[ProxyHost], asked: VirtualHost) -> ProxyHost | None:
    """The proxy's virtual host that stands for one that should be there."""
    for host in hosts:
        if (host.table, host.name) == (asked.table, asked.name):
            return host
    return None


def compare_host(asked: VirtualHost | None, actual: ProxyHost | None) -> Compared:
    """Hold a proxy's virtual host against the one that it should have."""
    if asked is None or actual is None:
        return Compared(asked, actual, *_alone(asked, actual))
    routes = reached(asked.routes)
    pairs = tuple(_pairs(routes, actual.routes))
    return Compared(asked, actual, pairs, tuple(_own_differences(asked, actual)))


def _alone(
    asked: VirtualHost | None, actual: ProxyHost | None
) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    if asked is not None:
        pairs = tuple(Pair(route, None, -1) for route in reached(asked.routes))
        return pairs, (f"the proxy has no virtual host {asked.name}",)
    if actual is not None:
        return (), (f"the proxy still has virtual host {actual.name}",)
    return (), ()


def _own_differences(asked: VirtualHost, actual: ProxyHost) -> Iterator[str]:
    if asked.requires_tls != actual.requires_tls:
        words_by_tls = {
            True: "only sends plain requests on to HTTPS",
            False: "takes plain requests",
        }
        yield (
            f"virtual host {asked.name} {words_by_tls[asked.requires_tls]}, "
            f"the proxy's {words_by_tls[actual.requires_tls]}"
        )


def _pairs(asked: Sequence[Route], actual: Sequence[Json]) -> Iterator[Pair]:
    """Routes that stand for one another, in order; what no request comes to is left out."""
    live = _reached(actual)
    keys = [_key(route.envoy) for route in asked]
    found = [_key(route) for route in live]
    moved: list[tuple[int, int]] = []
    extra: list[int] = []
    matched: dict[int, int] = {}
    for tag, a, b, c, d in SequenceMatcher(None, keys, found, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and b - a == d - c):
            matched |= dict(zip(range(a, b), range(c, d), strict=True))
        else:
            moved += [(index, c) for index in range(a, b)]
            extra += range(c, d)
    for index, _ in moved:
        same = next((place for place in extra if _alike(asked[index].envoy, live[place])), None)
        if same is not None:
            matched[index] = same
            extra.remove(same)
    order = [matched[index] for index in sorted(matched)]
    for index, route in enumerate(asked):
        place = matched.get(index, -1)
        if place < 0:
            yield Pair(route, None, -1, (_missing(index, route, actual, len(live)),))
            continue
        mismatches = list(route_differences(route.envoy, live[place]))
        if any(other > place for other in order[: order.index(place)]):
            mismatches.insert(0, "the proxy tries it before others, it should come after them")
        words = tuple(f"route {index + 1}: {text}" for text in mismatches)
        yield Pair(route, live[place], place, words)
    for place in extra:
        yield Pair(None, live[place], place, (_surplus(place, live[place]),))


def _reached(routes: Sequence[Json]) -> Sequence[Json]:
    """The proxy's routes up to the first that takes everything."""
    for place, route in enumerate(routes):
        match = read.obj(route, "match")
        if takes_everything(match) and not parse_match(match).other:
            return routes[: place + 1]
    return routes


def _key(route: Json) -> object:
    return read.text(route, "name"), owner_of(route), match_fact(read.obj(route, "match")).value


def _alike(asked: Json, actual: Json) -> bool:
    """By name, else by what it takes: the table is of another edition of the objects."""
    if owner_of(asked) != owner_of(actual):
        return False
    name = read.text(asked, "name")
    if name and name == read.text(actual, "name"):
        return True
    one, other = (match_fact(read.obj(route, "match")) for route in (asked, actual))
    return bool(one.value == other.value)


def _title(route: Json) -> str:
    return read.text(route, "name") or match_fact(read.obj(route, "match")).text


def _missing(index: int, route: Route, actual: Sequence[Json], live: int) -> str:
    for other in actual[live:]:
        if _alike(route.envoy, other):
            title = _title(route.envoy)
            return f"route {index + 1}: {title} stands behind route {live}, which takes everything"
    return f"route {index + 1}: the proxy has no route for {_title(route.envoy)}"


def _surplus(place: int, route: Json) -> str:
    takes = match_fact(read.obj(route, "match")).text
    name = read.text(route, "name")
    return f"the proxy has one more route{f' {name}' if name else ''}, for {takes}"
