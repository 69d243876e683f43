"""The global options of a command, with what the configuration file says."""

from __future__ import annotations

import argparse

from meshtui.config import load_config
from meshtui.operations.options import Options


def options(arguments: argparse.Namespace) -> Options:
    """The command line goes before the file."""
    config = load_config()
    return Options(
        kubeconfig=getattr(arguments, "kubeconfig", None),
        context=getattr(arguments, "context", None),
        namespace=getattr(arguments, "namespace", None),
        read_only=getattr(arguments, "read_only", False),
        verify=not getattr(arguments, "no_verify", False),
        wait_s=getattr(arguments, "timeout", 10.0),
        dry_run=getattr(arguments, "dry_run", False),
        prometheus=getattr(arguments, "prometheus", "") or config.prometheus or "auto",
        config=config,
    )
