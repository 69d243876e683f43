"""Asking the proxies: again while it may help, and no longer."""

from __future__ import annotations

from meshtui.changes.change import ProxyVerdict
from meshtui.mesh.model import Pod
from meshtui.operations.verifying import Clients, verify
from tests.unit.objects import reviews

(POD,) = reviews(versions=["v1"]).pods


class Proxy:
    """Answers with one verdict after the other; the last one stays."""

    def __init__(self, *verdicts: ProxyVerdict) -> None:
        self.verdicts = list(verdicts)
        self.asked = 0

    async def __call__(self, pod: Pod) -> ProxyVerdict:
        self.asked += 1
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]


def verdict(state: str, *, final: bool = False) -> ProxyVerdict:
    return ProxyVerdict(POD.namespace, POD.name, state, "", final)


async def test_a_proxy_that_is_old_is_asked_until_it_is_in_sync() -> None:
    proxy = Proxy(verdict("old"), verdict("out of reach"), verdict("in sync"))
    (found,), _ = await verify(proxy, Clients((POD,)))
    assert (found.state, proxy.asked) == ("in sync", 3)


async def test_who_may_not_ask_is_told_at_once() -> None:
    proxy = Proxy(verdict("out of reach", final=True))
    (found,), seconds = await verify(proxy, Clients((POD,)))
    assert (found.state, proxy.asked) == ("out of reach", 1)
    assert seconds < 5


async def test_a_proxy_that_stays_old_is_given_up_when_time_is_up() -> None:
    proxy = Proxy(verdict("old"))
    (found,), _ = await verify(proxy, Clients((POD,)), wait_s=0.1)
    assert found.state == "old" and proxy.asked > 1
