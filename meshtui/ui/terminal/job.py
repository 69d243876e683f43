"""^Z: a job stops as a whole, where there is a shell that can continue it."""

from __future__ import annotations

import os
import signal


def is_job() -> bool:
    """A shell gives each of its jobs a group of its own; without one nobody brings a stopped
    program back: `ssh -t HOST meshtui`, a tmux window of its own, a container."""
    return os.getpgrp() != os.getsid(0)


def stop() -> None:
    """All of the job: a shell does not see that a wrapper's child has stopped, but the wrapper."""
    os.killpg(os.getpgrp(), signal.SIGSTOP)
