"""What a person may not change is known before the key is pressed."""

from __future__ import annotations

import pytest

from meshtui.mesh.model import Ref
from meshtui.operations.change.rights import Rights
from tests.unit.fake_cluster import FakeCluster

RULES = "you may not patch virtualservices in default"
POLICIES = "you may not patch destinationrules in default"


@pytest.fixture
def rights() -> Rights:
    found = Rights(FakeCluster(), lambda: None)
    found.denied = {"default": RULES, "default/breaker": POLICIES}
    return found


def test_a_change_is_taken_back_by_the_right_on_its_own_object(rights: Rights) -> None:
    assert rights.undo_denied(Ref("VirtualService", "default", "reviews")) == RULES
    assert rights.undo_denied(Ref("DestinationRule", "default", "reviews")) == POLICIES
    assert rights.undo_denied(Ref("VirtualService", "elsewhere", "reviews")) == ""
