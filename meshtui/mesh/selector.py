"""Label selectors of equality, as Services and policies have them."""

from __future__ import annotations

from collections.abc import Mapping


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """True where every label of a non-empty selector is there."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
