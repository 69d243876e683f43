"""Copies recorded cases into `data/`: `python -m tests.recorded.collect FOLDER NAME`.

FOLDER holds `CASE.yaml` (objects) and `CASE.json` (what a real istiod made of them); each pair
becomes one compact file, `data/NAME/CASE.json`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

LATER = "# created at least one second after the above"
DATA = Path(__file__).parent / "data"


def ages(text: str) -> dict[str, int]:
    """The second in which each object was made, where the file says that some are younger."""
    second, found = 0, {}
    for part in re.split(r"^---$", text, flags=re.MULTILINE):
        obj = yaml.safe_load(part)
        if obj:
            meta = obj["metadata"]
            found[f"{obj['kind']} {meta.get('namespace', 'default')}/{meta['name']}"] = second
        second += LATER in part
    return found if second else {}


def collect(folder: Path, name: str) -> int:
    target = DATA / name
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in sorted(folder.glob("*.yaml")):
        objects = [found for found in yaml.safe_load_all(path.read_text()) if found]
        recorded = path.with_suffix(".json")
        case: dict[str, Any] = {"objects": objects}
        if recorded.exists():
            case["recorded"] = {
                "created": ages(path.read_text()),
                **json.loads(recorded.read_text()),
            }
            count += 1
        text = json.dumps(case, separators=(",", ":"), ensure_ascii=False)
        (target / f"{path.stem}.json").write_text(f"{text}\n")
    return count


if __name__ == "__main__":
    print(collect(Path(sys.argv[1]), sys.argv[2]), "cases")
