"""What `istioctl analyze` says of the recorded meshes, beside what is found here.

`istioctl analyze --use-kube=false` of 1.32-dev on the objects of each case; without its codes on
what recordings do not hold: the injection labels of namespaces (IST0102, IST0103, IST0118).
"""

from __future__ import annotations

import pytest

from tests.recorded.analyzed import findings
from tests.recorded.cases import load, names
from tests.recorded.test_analysis import CASES

ISTIOCTL: dict[str, tuple[str, ...]] = {
    "all-header-star": ("IST0106",),
    "all-match-list-empty": ("IST0130",),
    "all-none-middle": ("IST0130",),
    "dele-and-route": ("IST0106",),
    "dele-two-levels": ("IST0106",),
    "dr-half-host": ("IST0101",),
    "dr-short-other-ns": ("IST0101",),
    "dr-wildcard-only": ("IST0101",),
    "e-fault-old-percent": ("IST0002",),
    "e-fault-tiny": ("IST0106",),
    "e-mirror-both-forms": ("IST0106",),
    "e-mirror-old-field": ("IST0133",),
    "e-retries-on-only": ("IST0106",),
    "e-weight-negative": ("IST0106",),
    "e-weights-unset": ("IST0106",),
    "e-weights-zero": ("IST0106",),
    "f-exponential": ("IST0106",),
    "f-retry-odd": ("IST0106",),
    "go-direct-and-route": ("IST0106",),
    "go-empty": ("IST0106",),
    "go-header-host-authority": ("IST0106",),
    "go-redirect-and-fault": ("IST0106",),
    "gw-ns-host": ("IST0132",),
    "gw-short-gateway-other-ns": ("IST0101", "IST0132"),
    "tls-sni-other": ("IST0106",),
    "two-age": ("IST0109",),
    "two-disjoint": ("IST0109",),
    "two-foreign-public-older": ("IST0109",),
    "two-hosts-overlap": ("IST0109",),
    "two-same-second": ("IST0109",),
    "two-star": ("IST0106",),
    "two-wildcards": ("IST0109",),
}

COMPOSED: dict[str, tuple[str, ...]] = {
    "mix-003-b": (
        "IST0101",
        "IST0109",
        "IST0133",
    ),
    "mix-005": ("IST0101",),
    "mix-009": ("IST0101",),
    "mix-009-b": ("IST0101",),
    "mix-012": (
        "IST0109",
        "IST0130",
    ),
    "mix-012-b": (
        "IST0109",
        "IST0130",
    ),
    "mix-014": (
        "IST0101",
        "IST0130",
    ),
    "mix-017": (
        "IST0101",
        "IST0109",
        "IST0133",
    ),
    "mix-019": ("IST0101",),
    "mix-021": ("IST0101",),
    "mix-027": ("IST0109",),
    "mix-029": ("IST0109",),
    "mix-030-b": (
        "IST0101",
        "IST0109",
    ),
    "mix-034": ("IST0109",),
    "mix-044": (
        "IST0101",
        "IST0133",
    ),
    "mix-050-b": ("IST0109",),
    "mix-052": ("IST0101",),
    "mix-059-b": (
        "IST0109",
        "IST0130",
        "IST0131",
        "IST0133",
    ),
    "mix-061-b": ("IST0109",),
    "mix-064": (
        "IST0109",
        "IST0130",
        "IST0133",
    ),
    "mix-067": ("IST0101",),
    "mix-081": (
        "IST0109",
        "IST0133",
    ),
    "mix-085-b": (
        "IST0109",
        "IST0133",
    ),
    "mix-090": ("IST0109",),
    "mix-104-b": ("IST0133",),
    "mix-115": ("IST0101",),
    "mix-116": ("IST0101",),
    "mix-302-b": (
        "IST0101",
        "IST0109",
    ),
    "mix-304": ("IST0133",),
    "mix-307-b": ("IST0109",),
    "mix-316": ("IST0133",),
    "mix-317-b": (
        "IST0109",
        "IST0130",
        "IST0131",
    ),
    "mix-320": (
        "IST0101",
        "IST0109",
        "IST0133",
    ),
    "mix-322": (
        "IST0130",
        "IST0131",
    ),
    "mix-323": ("IST0131",),
    "mix-325": ("IST0109",),
    "mix-326": (
        "IST0130",
        "IST0131",
    ),
    "mix-332-b": (
        "IST0101",
        "IST0109",
    ),
    "mix-337-b": ("IST0109",),
    "mix-405": ("IST0101",),
    "mix-431-b": ("IST0130",),
    "mix-446": ("IST0130",),
    "mix-455": (
        "IST0101",
        "IST0109",
    ),
}

GATEWAY_API: dict[str, tuple[str, ...]] = {
    "c-tls-sni": ("IST0106",),
    "g-vs-on-gate": (
        "IST0101",
        "IST0132",
    ),
    "m-vs-delegate-and-route": (
        "IST0101",
        "IST0132",
    ),
}

WAYPOINT: dict[str, tuple[str, ...]] = {
    "w-tcp": ("IST0106",),
    "w-vs-gateways": ("IST0101", "IST0132"),
}

OF_A_WILDCARD = "the subsets are those of a wildcard's rule: the recorded clients have the clusters"
UNUSED = "no caller gets the VirtualService: host-conflict"
NO_GATEWAY = "the Gateway is not there at all: missing-gateway"
TWICE = "a host that a Sidecar lets in twice is let in once: nothing is wrong"

NOT_SAID = {
    ("mix-014", "IST0101"): OF_A_WILDCARD,
    ("mix-017", "IST0101"): UNUSED,
    ("mix-021", "IST0101"): OF_A_WILDCARD,
    ("mix-030-b", "IST0101"): UNUSED,
    ("mix-064", "IST0133"): TWICE,
    ("mix-081", "IST0133"): TWICE,
    ("mix-320", "IST0101"): OF_A_WILDCARD,
    ("mix-405", "IST0101"): OF_A_WILDCARD,
    ("mix-455", "IST0101"): UNUSED,
    ("g-vs-on-gate", "IST0132"): NO_GATEWAY,
    ("m-vs-delegate-and-route", "IST0132"): NO_GATEWAY,
    ("w-vs-gateways", "IST0132"): NO_GATEWAY,
    ("dr-wildcard-only", "IST0101"): "the subsets are those of a wildcard's rule: it is answered",
    ("gw-short-gateway-other-ns", "IST0132"): NO_GATEWAY,
    ("two-wildcards", "IST0109"): "one is inside the other, each rules hosts of its own",
}
"""What istioctl says and nothing here does, with the reason."""


WHOLE, PART = "IST0130", "IST0131"
"""A rule that is never reached, and a match of one. istioctl says the second also of a rule whose
every match is taken above."""

SAID = {
    **{("istio", name): codes for name, codes in ISTIOCTL.items()},
    **{("composed", name): codes for name, codes in COMPOSED.items()},
    **{("gateway-api", name): codes for name, codes in GATEWAY_API.items()},
    **{("waypoint", name): codes for name, codes in WAYPOINT.items()},
}
OTHERS = [
    (folder, name)
    for folder in ("composed", "gateway-api", "waypoint")
    for name in names(folder)
    if load(name, folder).domain == "cluster.local" and not load(name, folder).refused
]
"""Those of another cluster domain were not given to istioctl, which would ask a cluster for it."""


@pytest.mark.parametrize(("folder", "name"), SAID)
def test_what_istioctl_finds_is_found(folder: str, name: str) -> None:
    found = {code for finding in findings(name, folder) for code in finding.same_as}
    found |= {PART} if WHOLE in found else set()
    missed = set(SAID[folder, name]) - found
    assert missed == {code for case, code in NOT_SAID if case == name}


@pytest.mark.parametrize(
    ("folder", "name"), sorted({*OTHERS, *(("istio", name) for name in CASES)} - SAID.keys())
)
def test_what_istioctl_takes_for_valid_is_not_called_invalid(folder: str, name: str) -> None:
    codes = {code for finding in findings(name, folder) for code in finding.same_as}
    assert "IST0106" not in codes
