"""What `istioctl analyze` says of the recorded meshes, beside what is found here.

`istioctl analyze --use-kube=false` of 1.32-dev on the objects of each case; without its codes on
what recordings do not hold: the injection labels of namespaces (IST0102, IST0103, IST0118).
"""

from __future__ import annotations

import pytest

from tests.recorded.analyzed import findings
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

NOT_SAID = {
    ("dr-wildcard-only", "IST0101"): "the subsets are those of a wildcard's rule: it is answered",
    ("gw-short-gateway-other-ns", "IST0132"): "the Gateway is not there at all: missing-gateway",
    ("two-wildcards", "IST0109"): "one is inside the other, each rules hosts of its own",
}
"""What istioctl says and nothing here does, with the reason."""


@pytest.mark.parametrize("name", ISTIOCTL)
def test_what_istioctl_finds_is_found(name: str) -> None:
    found = {code for finding in findings(name) for code in finding.same_as}
    missed = set(ISTIOCTL[name]) - found
    assert missed == {code for case, code in NOT_SAID if case == name}


@pytest.mark.parametrize("name", sorted(set(CASES) - ISTIOCTL.keys()))
def test_what_istioctl_takes_for_valid_is_not_called_invalid(name: str) -> None:
    codes = {code for finding in findings(name) for code in finding.same_as}
    assert "IST0106" not in codes
