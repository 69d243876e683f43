"""The global options of a command, with what the configuration file says."""

from __future__ import annotations

import argparse
from dataclasses import replace

from meshtui.cli import output
from meshtui.config import Config, Loaded, load
from meshtui.errors import MeshtuiError
from meshtui.metrics.prometheus_access import Access, read_headers
from meshtui.metrics.scope import Scope, parse_matchers
from meshtui.operations.options import Options

READS = frozenset(
    {
        "analyze", "doctor", "exposure", "graph", "journal", "logs", "pods", "proxy", "services",
        "signals", "status", "trace",
    }
)  # fmt: skip
"""Commands that change nothing, and send nothing into the mesh."""


def options(arguments: argparse.Namespace, *, lenient: bool = False) -> Options:
    """The command line goes before the environment, and that before the file.

    Raises `Usage`. With `lenient`, and where a person only reads, what is wrong in the file is left
    out, and nothing may be changed, for nobody knows what it was to forbid.
    """
    loaded = load(lenient=lenient or _is_read(arguments))
    if not loaded.config.contexts:
        return _options(arguments, loaded)

    def in_context(name: str) -> Options:
        return replace(_options(arguments, loaded.in_context(name)), for_context=in_context)

    return in_context(context_name(arguments))


def _is_read(arguments: argparse.Namespace) -> bool:
    """Documents are for programs, which read no stderr: other numbers are worse than none."""
    form = getattr(arguments, "output", "table")
    reads = getattr(arguments, "command", None) in READS or getattr(arguments, "check", False)
    return form == "table" and reads


def note_left_out(given: Options) -> None:
    """One line, whatever is wrong with the configuration."""
    if given.problems:
        first, *others = given.problems
        more = f"; {len(others)} more" if others else ""
        output.note(f"meshtui: {first}{more}: read without that")


def _options(arguments: argparse.Namespace, loaded: Loaded) -> Options:
    config = loaded.config
    forbidden = config.read_only or bool(loaded.problems)
    return Options(
        kubeconfig=getattr(arguments, "kubeconfig", None),
        context=getattr(arguments, "context", None),
        namespace=getattr(arguments, "namespace", None) or config.namespace or None,
        read_only=getattr(arguments, "read_only", False) or forbidden,
        verify=not getattr(arguments, "no_verify", False),
        wait_s=getattr(arguments, "timeout", 10.0),
        dry_run=getattr(arguments, "dry_run", False),
        prometheus=getattr(arguments, "prometheus", "") or config.prometheus or "auto",
        access=_access(arguments, config),
        config=config,
        problems=loaded.problems,
        theme_at=loaded.sources["theme"] if config.theme else "",
    )


def context_name(arguments: argparse.Namespace) -> str:
    """The context that is meant; empty where there is none, of which connecting says more."""
    from meshtui.kube.in_pod import CONTEXT, in_pod
    from meshtui.kube.kubeconfig import choose_context, read_kubeconfig

    kubeconfig = getattr(arguments, "kubeconfig", None)
    context = getattr(arguments, "context", None)
    if in_pod(kubeconfig, context):
        return CONTEXT
    try:
        return choose_context(read_kubeconfig(kubeconfig), context).name
    except MeshtuiError:
        return context or ""


def _access(arguments: argparse.Namespace, config: Config) -> Access:
    """Of matchers and headers the command line's stand in place of the file's. Raises `Usage`."""
    matches = getattr(arguments, "prometheus_match", None) or config.prometheus_match
    headers = getattr(arguments, "prometheus_header", None) or config.prometheus_headers
    token = getattr(arguments, "prometheus_token_file", "")
    basic = getattr(arguments, "prometheus_basic_file", "")
    if not token and not basic:
        token, basic = config.prometheus_token_file, config.prometheus_basic_file
    return Access(
        Scope(tuple(matcher for text in matches for matcher in parse_matchers(text))),
        tuple(header for text in headers for header in read_headers(text)),
        token,
        basic,
    )
