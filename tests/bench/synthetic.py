"""The lab's generator of large meshes, also where the build that is measured is another one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_FILE = Path(__file__).resolve().parents[2] / "meshtui/lab/synthetic/objects.py"
_spec = importlib.util.spec_from_file_location("synthetic_objects", _FILE)
assert _spec is not None and _spec.loader is not None
_made = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _made
_spec.loader.exec_module(_made)

Created, objects, namespace = _made.Created, _made.objects, _made.namespace

__all__ = ["Created", "namespace", "objects"]
