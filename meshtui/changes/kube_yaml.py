"""YAML as Kubernetes reads it, which PyYAML reads otherwise.

kubectl and the API server read with `sigs.k8s.io/yaml`: `1e3` and `0812345` are numbers there, `y`
and `N` booleans, and `12:30` is text. A version that is a commit's abbreviation may look like a
number: what is written here is quoted where either of the two would take a string for something
else.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_NUMBERS = (_BOOL, _INT, _FLOAT)
_DATE = "tag:yaml.org,2002:timestamp"

_RESOLVED = (
    (_BOOL, r"y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON", "yYtToO"),
    (_BOOL, r"n|N|no|No|NO|false|False|FALSE|off|Off|OFF", "nNfFoO"),
    (_INT, r"[-+]?(?:0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|0|[1-9][0-9_]*)", "-+0123456789"),
    (
        _FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
)
LARGEST_EXACT = 1e21
"""Below it JSON writes a whole number without an exponent, and so it is read as an integer."""

Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


def _resolvers(without: tuple[str, ...]) -> Resolvers:
    """PyYAML's but those of some tags, and Kubernetes' own before them."""
    found: Resolvers = {}
    for tag, expression, firsts in _RESOLVED:
        for first in firsts:
            found.setdefault(first, []).append((tag, re.compile(f"(?:{expression})$")))
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items():
        kept = [(tag, expression) for tag, expression in known if tag not in without]
        found.setdefault(first, []).extend(kept)
    return found


class KubernetesLoader(yaml.SafeLoader):
    """What looks like a date is text, and so is a time of day."""

    def construct_integer(self, node: yaml.ScalarNode) -> Any:
        return self.construct_yaml_int(yaml.ScalarNode(node.tag, node.value.lower()))

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        value = self.construct_yaml_float(node)
        if not math.isfinite(value):
            return value if node.value.lstrip("+-").startswith(".") else node.value
        whole = abs(value) < LARGEST_EXACT and value == int(value)
        return int(value) if whole else value


KubernetesLoader.yaml_implicit_resolvers = _resolvers((*_NUMBERS, _DATE))
KubernetesLoader.yaml_constructors = {
    **yaml.SafeLoader.yaml_constructors,
    _INT: KubernetesLoader.construct_integer,
    _FLOAT: KubernetesLoader.construct_number,
}
KubernetesLoader.bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.yaml_implicit_resolvers = _resolvers(())


def dump_yaml(document: Any, **options: Any) -> str:
    """As `yaml.safe_dump`, in the order of the document."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, **options)
    return text
