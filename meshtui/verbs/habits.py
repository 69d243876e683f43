"""What people type who know kubectl, istioctl, stern or k9s, and what does that here.

Nobody reads a list of thirty commands at 3 a.m.: who types `get pods` is told the one to type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_PODS = "pod|pods|po"
_SERVICES = "svc|service|services|ep|endpoints|endpointslice|endpointslices"
_WORKLOADS = "deploy|deployment|deployments|rs|replicaset|replicasets|sts|statefulset|statefulsets"
_RULES = (
    "vs|virtualservice|virtualservices|dr|destinationrule|destinationrules|httproute|httproutes"
)
_GATEWAYS = "gw|gateway|gateways|ing|ingress|ingresses|gtw"
_OUTSIDE = "se|serviceentry|serviceentries"
_NAMESPACES = "ns|namespace|namespaces"
_LISTS = "get|list|ls|watch"

KUBECTL = "kubectl does that"
ISTIOCTL = "istioctl does that"
WRITES = "meshtui writes rules: `meshtui edit vs/NAME`, or a verb such as shift, fault, timeout"

HABITS: Mapping[str, str] = {
    f"{_LISTS} {_PODS}": "`meshtui pods`",
    f"{_LISTS} {_SERVICES}|{_WORKLOADS}|all": "`meshtui services`",
    f"{_LISTS} {_RULES}": "`meshtui services -o yaml` has the rules, `meshtui edit vs/NAME` one",
    f"{_LISTS} {_GATEWAYS}": "`meshtui exposure`",
    f"{_LISTS} {_OUTSIDE}": "`meshtui graph`",
    f"{_LISTS} {_NAMESPACES}": "`meshtui services -A`, or `:ns` on the screen",
    f"{_LISTS} ctx|context|contexts": "`:ctx` on the screen; `--context NAME` takes one",
    f"{_LISTS} ev|event|events": "`meshtui journal`",
    f"{_LISTS} canary|canaries|rollout|rollouts": "`meshtui canary status`",
    _LISTS: "`meshtui services`, `pods`, `status`, `exposure` or `graph`",
    f"describe {_PODS}": "`meshtui pods SERVICE`, or `meshtui status SERVICE` for its proxy",
    f"describe {_SERVICES}": "`meshtui signals NAME`, or d on the screen",
    f"describe {_RULES}": "`meshtui trace SERVICE`, or d on the screen",
    f"describe {_GATEWAYS}": "`meshtui exposure`",
    "describe": "`meshtui signals SERVICE`, or d on the screen",
    "tail|log|stern": "`meshtui logs SERVICE -f`",
    "rollout|rollouts undo|abort": "`meshtui undo`, or `meshtui rollback SERVICE`",
    "rollout|rollouts status|get": "`meshtui canary status`, or `meshtui services SERVICE`",
    "rollout|rollouts history": "`meshtui journal`",
    "rollout|rollouts pause": "`meshtui canary hold SERVICE`",
    "rollout|rollouts resume|retry": "`meshtui canary resume SERVICE`",
    "rollout|rollouts promote": "`meshtui promote SERVICE V`",
    "rollout|rollouts set": "`meshtui shift SERVICE V=W`",
    "rollout|rollouts restart": KUBECTL,
    "rollout|rollouts|argo": "`meshtui canary run SERVICE --to V`",
    f"create|apply|replace|patch {_RULES}": "`meshtui edit vs/NAME`, or `meshtui adopt SERVICE`",
    "delete|rm fault|faults": "`meshtui fault SERVICE --off`",
    "delete|rm mirror|mirrors": "`meshtui mirror SERVICE --off`",
    "set weight|weights": "`meshtui shift SERVICE V=W`",
    "set image|env|resources": KUBECTL,
    "create|apply|replace|patch|delete|rm|set|annotate|label": f"{WRITES}; else {KUBECTL}",
    "scale|autoscale|drain|cordon|run|attach|cp|debug|port-forward|pf|auth|wait": KUBECTL,
    "exec|curl|http|call": "`meshtui request SERVICE --path /x` sends one from inside the mesh",
    "top": "`meshtui services` has rates and times; for CPU and memory `kubectl top pods`",
    "events|history": "`meshtui journal`",
    "explain|api-resources|cluster-info": "`meshtui doctor` says what works on this cluster",
    "diff": "`meshtui proxy diff SERVICE`",
    "version": "`meshtui --version`; the proxies': `meshtui status`",
    "help|man-page": "`meshtui --help`, or `meshtui COMMAND --help`",
    "config get-contexts|current-context": "`:ctx` on the screen; `--context NAME` takes one",
    "config use-context|use|set-context": "`meshtui --context NAME`",
    "config view|get|list|ls": "`meshtui config show`",
    "config set|edit|create|new": "`meshtui config init` writes a file, `config path` says where",
    "proxy-status|ps": "`meshtui status`",
    "proxy-config|pc c|cluster|clusters": "`meshtui proxy clusters NAME`",
    "proxy-config|pc l|listener|listeners": "`meshtui proxy listeners NAME`",
    "proxy-config|pc r|route|routes": "`meshtui proxy routes NAME`",
    "proxy-config|pc ep|endpoint|endpoints|eds": "`meshtui proxy endpoints NAME`",
    "proxy-config|pc all|bootstrap|ecds": "`meshtui proxy dump NAME`",
    "proxy-config|pc log|logs|secret|secrets|rootca-compare": ISTIOCTL,
    "proxy-config|pc": "`meshtui proxy routes|clusters|endpoints|listeners POD`",
    "x|experimental des|describe": "`meshtui signals SERVICE`, or d on the screen",
    "x|experimental authz": "`meshtui exposure SERVICE`",
    "x|experimental proxy-status|ps": "`meshtui status`",
    "x|experimental precheck|check-inject": "`meshtui doctor`, or `meshtui analyze`",
    "authz": "`meshtui exposure SERVICE`",
    "x|experimental|install|upgrade|uninstall|manifest|tag|kube-inject|waypoint|ztunnel-config|zc":
        ISTIOCTL,
    "dashboard|dash|d": "`meshtui` is one; a map: `meshtui graph`",
    "lint|validate|check|precheck": "`meshtui analyze`, or `meshtui --check` for what is wrong now",
    f"ctx|context|contexts|use-context|{_NAMESPACES}":
        "`meshtui --context NAME` and `-n NAMESPACE`; `:ctx` and `:ns` on the screen",
    _SERVICES.replace("|services", ""): "`meshtui services`",
    "po|pod": "`meshtui pods`",
    _WORKLOADS: "`meshtui pods`",
    _RULES: "`meshtui trace SERVICE`, or `meshtui services -o yaml`",
    _GATEWAYS: "`meshtui exposure`",
    _OUTSIDE: "`meshtui graph`",
    "xray|map|topology|kiali|tree": "`meshtui graph`",
    "weight|weights|split|traffic|route": "`meshtui shift SERVICE V=W`",
    "routes|clusters|endpoints|listeners|dump|cluster|listener": "`meshtui proxy WHAT POD`",
    "revert|restore|back": "`meshtui undo`, or `meshtui rollback SERVICE`",
    "inject|delay|abort|chaos": "`meshtui fault SERVICE`",
    "retry|retries": "`meshtui timeout SERVICE 10s --retries 3`",
    "circuit-breaker|circuitbreaker|outlier|limits": "`meshtui breaker SERVICE`",
    "errors|why|metrics|stats|golden": "`meshtui signals SERVICE`",
    "canary start|begin|new|create|deploy": "`meshtui canary run SERVICE --to V`",
    "canary pause|stop": "`meshtui canary hold SERVICE`, or `canary abort SERVICE`",
    "canary undo|rollback|delete": "`meshtui canary abort SERVICE`",
    "canary show|get|list|ls|watch": "`meshtui canary status`",
    "hold|resume": "`meshtui canary hold SERVICE`, or `canary resume SERVICE`",
    "init|settings|setup": "`meshtui config init`",
    "ui|tui|start|open|screen|dev": "`meshtui` without a command is the screen",
}  # fmt: skip
"""By the words that are typed, alternatives with `|` between them: what does that here.

A longer entry goes before a shorter one. NAME stands for the name that was typed.
"""

OPTIONS: Mapping[str, str] = {
    "-w|--watch": "the screen follows what happens: `meshtui`; of the logs -f",
    "-l|--selector": "services are named, not selected: SERVICE, or `/` on the screen",
    "-c": "of the logs `--container NAME`",
    "-v": "of the logs `--version V`",
    "-p": "of the logs `--previous`",
    "-t|--timestamps": "the logs have their times; `--template T` chooses",
    "-F|--follow": "of the logs `-f`",
    "--all|--all-containers": "`--app` has the programs' containers, -A all namespaces",
    "--kubecontext|--ctx": "`--context NAME`",
    "--config": "`meshtui config path` says where the file is; XDG_CONFIG_HOME is its folder",
    "--ns": "`-n NAMESPACE`",
    "--color|--colour|--no-color": "colours follow the terminal and NO_COLOR",
    "--json|--yaml": "`-o json`, or `-o yaml`",
    "--verbose|--debug": "there is only one; `meshtui doctor` says what does not work",
    "--weight|--weights": "`V=W`, as in v1=80",
    "-i|--include": "of the logs `--grep RE`",
    "-e|--exclude": "of the logs `--filter '!~RE'`",
    "-H": "of the logs `--highlight RE`",
    "--no-follow": "logs end by themselves without -f",
    "--condition|--container-state|--node|--field-selector": "of the logs `--filter 'pod:NAME'`",
}
"""The same of options that no command here has."""


def _matches(words: str, typed: Sequence[str]) -> bool:
    wanted = words.split()
    return len(wanted) <= len(typed) and all(
        one in alternatives.split("|") for alternatives, one in zip(wanted, typed, strict=False)
    )


def typed_habit(typed: Sequence[str]) -> str:
    """What to type in place of these words, in a line; empty where they are nobody's habit.

    `typed` begins with the word that is no command, and has no options. A kind may be joined to its
    name, as in `vs/reviews`.
    """
    words = [part for one in typed for part in one.split("/", 1) if part]
    found = [habit for habit in HABITS if _matches(habit, words)]
    if not found:
        return ""
    habit = max(found, key=lambda one: len(one.split()))
    known = len(habit.split())
    name = words[-1] if len(words) > known and _plain(words[-1]) else ""
    here = HABITS[habit].replace("NAME", name) if name else HABITS[habit]
    return f"there is no {' '.join(words[:known])}: {here}"


def _plain(name: str) -> bool:
    """Whether it may be given back in a command to type: a name, and not a file's."""
    return (
        not name.endswith((".yaml", ".yml", ".json"))
        and len(name) <= 80
        and name.isascii()
        and all(one.isalnum() or one in "-." for one in name)
    )


def option_habit(option: str) -> str:
    """What stands here in place of an option that is none; empty where nothing does."""
    for names, here in OPTIONS.items():
        if option in names.split("|"):
            return f"there is no {option}: {here}"
    return ""
