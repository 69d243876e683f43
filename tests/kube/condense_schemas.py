"""Make the lab's condensed copies of CRDs' schemas: `python condense_schemas.py crds.yaml`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from meshtui.lab.api.kinds import RESOURCES, is_custom
from meshtui.lab.api.schema import file_of

TARGET = Path(__file__).parents[2] / "meshtui/lab/api/schemas"
RULES = "x-kubernetes-validations"
KEPT = {
    "additionalProperties",
    "default",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
}


def condense(schema: Any) -> Any:
    """The structure of a schema and its expressions, without descriptions."""
    if not isinstance(schema, dict):
        return schema
    small = {k: v for k, v in schema.items() if k in KEPT and k != "additionalProperties"}
    for key in ("items", "not", "additionalProperties"):
        if key in schema:
            small[key] = condense(schema[key])
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            small[key] = [condense(s) for s in schema[key]]
    if RULES in schema:
        small[RULES] = [{k: r[k] for k in ("rule", "message")} for r in schema[RULES]]
    if "properties" in schema:
        small["properties"] = {k: condense(v) for k, v in schema["properties"].items()}
    return small


def condensed(crd: dict[str, Any]) -> dict[str, Any]:
    version = next(v for v in crd["spec"]["versions"] if v["storage"])
    schema = version["schema"]["openAPIV3Schema"]
    return {
        "columns": version.get("additionalPrinterColumns", []),
        "rules": RULES in json.dumps(schema),
        "schema": without_identity(condense(schema)),
    }


def without_identity(schema: Any) -> Any:
    """What every object has is nothing of a kind's own."""
    own = {k: v for k, v in schema["properties"].items() if k in ("spec", "status")}
    return {**schema, "properties": own}


def main(source: Path) -> None:
    wanted = {(r.kind.group, r.kind.plural): r.kind for r in RESOURCES if is_custom(r.kind)}
    for crd in yaml.load_all(source.read_text(), yaml.CSafeLoader):
        kind = wanted.get((crd["spec"]["group"], crd["spec"]["names"]["plural"])) if crd else None
        if kind:
            text = json.dumps(condensed(crd), separators=(",", ":"), sort_keys=True)
            target = TARGET / file_of(kind)
            target.parent.mkdir(exist_ok=True)
            target.write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
