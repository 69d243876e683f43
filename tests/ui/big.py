"""A mesh of many services, three versions each."""

from __future__ import annotations

from tests.ui import bookinfo

VERSIONS = ("v1", "v2", "v3")


def big_objects(services: int) -> dict[str, list[bookinfo.Obj]]:
    names = [f"service-{number:04d}" for number in range(services)]
    rules = []
    for name in names:
        rule = bookinfo.reviews_rules({"v1": 80, "v2": 0, "v3": 20})
        rule["metadata"] = bookinfo.meta(name)
        rule["spec"]["hosts"] = [name]
        for http in rule["spec"]["http"]:
            for route in http["route"]:
                route["destination"]["host"] = name
        rules.append(rule)
    return {
        "services": [bookinfo.service(name) for name in names],
        "pods": [bookinfo.pod(name, version) for name in names for version in VERSIONS],
        "virtualservices": rules,
        "destinationrules": [bookinfo.subsets(name, VERSIONS) for name in names],
    }
