"""Which cluster, and how to treat it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace

from meshtui.config import Config
from meshtui.dataclass import dataclass
from meshtui.mesh.thresholds import Thresholds
from meshtui.metrics.prometheus_access import PLAIN, Access


@dataclass(frozen=True, slots=True)
class Options:
    """Which cluster, and how to treat it; the command line's global options."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    read_only: bool = False
    verify: bool = True
    wait_s: float = 10.0
    dry_run: bool = False
    prometheus: str = "auto"
    access: Access = PLAIN
    """How that Prometheus is asked."""

    terminal: bool = False
    """Whether a credential plugin may speak with the person: not where a screen is drawn."""

    config: Config = field(default_factory=Config)
    problems: tuple[str, ...] = ()
    """What is wrong in the configuration, and was left out."""

    theme_at: str = ""
    """Where the theme is set: the file with the line, or the variable."""

    for_context: Callable[[str], Options] | None = field(default=None, compare=False, repr=False)
    """The same in another context, where the configuration has something to say of contexts."""

    def chosen(self, context: str) -> Options:
        """In another context; the namespace was that of the one before."""
        found = self.for_context(context) if self.for_context else self
        namespace = found.config.namespace or None
        return replace(found, context=context, namespace=namespace, terminal=self.terminal)

    @property
    def thresholds(self) -> Thresholds:
        """What the config says of the states of versions."""
        return Thresholds(self.config.degraded, self.config.failing, self.config.slow_ms)
