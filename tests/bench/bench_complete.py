"""From the tab key to names of services, beside kubectl: `python -m tests.bench.bench_complete`.

On a synthetic mesh whose names have been read once, as they are when a line is typed; kubectl asks
the API server each time. Medians. `--services 1000 --rounds 7 --json`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from tests.bench import said
from tests.bench.bench_commands import HERE, run_once
from tests.bench.count_commands import lab

OWN = (sys.executable, "-m", "meshtui", "__complete", "zsh", "shift", "service-7")
PEER = ("kubectl", "__complete", "get", "virtualservices", "-n", "shop-0", "service-7")


def figures(services: int, rounds: int) -> said.Figures:
    with lab(services) as kubeconfig, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"KUBECONFIG": str(kubeconfig), "XDG_CACHE_HOME": folder}
        subprocess.run([*OWN[:3], "__names", "", ""], cwd=HERE, check=True)
        offered = subprocess.run(OWN, cwd=HERE, capture_output=True, text=True, check=True).stdout
        if "service-7:" not in offered:
            raise SystemExit(f"service-7 is not offered: {offered[:200]!r}")
        named = {"meshtui": OWN, **({"kubectl": PEER} if shutil.which("kubectl") else {})}
        runs = [{name: run_once(w, HERE) for name, w in named.items()} for _ in range(rounds)]
    return {
        f"{name}, {what}": 1000 * statistics.median(getattr(one[name], part) for one in runs)
        for name in named
        for what, part in (("ms", "wall_s"), ("ms of CPU", "cpu_s"))
    }


if __name__ == "__main__":
    said.run(__doc__, figures, services=1000, rounds=7)
