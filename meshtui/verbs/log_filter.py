"""The language of the log filter, once: the README, the help and the hints of errors say this."""

from __future__ import annotations

from meshtui.verbs.verb import Example

TERMS: dict[str, Example] = {
    "code": Example(
        "code:503  code:5xx  code:503,504  5xx",
        "requests that were answered this; code:0 is no answer at all",
    ),
    "flag": Example(
        "flag:UO  flag:UF,UH  flag:any  flag:none",
        "requests with one of these response flags, with any, or with none",
    ),
    "dur": Example(
        ">200ms  >=1s  <50ms  dur:>200",
        "slow ones: what took longer (or less) than this, from the request's first byte to the "
        "answer's last as the proxy that wrote the line counts it, tries and waiting included; a "
        "number alone is milliseconds; a line without a time is neither",
    ),
    "path": Example("path:/reviews  path:/x*", "this in the path, or with * the whole path"),
    "method": Example("method:GET,POST", "requests with one of these methods"),
    "version": Example("v:v3  version:v1,v3", "lines of the pods of these versions"),
    "pod": Example("pod:reviews-v1  pod:*-2", "lines of the pods with this in their name"),
    "container": Example(
        "container:app", "lines of this container; the proxies' are of istio-proxy"
    ),
    "regex": Example("~RE  /RE/", "lines in which the expression is found, in RE2's syntax"),
    "text": Example('timeout  "two words"', "lines that hold the text, in whatever case"),
    "not": Example("!code:200  code:!200  !text", "the others; before any of these"),
    "and": Example("5xx v:v3 >1s", "all of them at once"),
}

WHERE = (
    "behind / in the logs pane, behind :logs, and in `logs --filter`; --slower 200ms is >200ms, "
    "--grep RE is ~RE, and the other options are the words of their names"
)


def hint(key: str) -> str:
    """How a term is written: `as in code:503, code:5xx`."""
    return f"as in {', '.join(TERMS[key].words.split('  '))}"


def markdown() -> str:
    """The README's table."""
    rows = ["| term | lines that it lets through |", "|---|---|"]
    for one in TERMS.values():
        words = " ".join(f"`{word}`" for word in one.words.split("  "))
        rows.append(f"| {words} | {one.does} |")
    return "\n".join(rows)
