#!/usr/bin/env bash
# A table's cells are markup in Textual: of the regular expression /api/[a-z]+/v1 it shows /api/+/v1, and another
# part than a label does.
#
# One would guess: a str given to DataTable.add_row is data and shown as it is, unlike a Label's; or, if it is
#   markup, then the same as everywhere else.
# Seen with Textual 8.2.8: the cell shows /api/+/v1, without an error. [0-9], [^/] and [\w-] stay, so that many
#   expressions look right. [A-Z] and [_a-z] stay in a table, which reads Rich's markup, and vanish from a Label and
#   an OptionList, which read Textual's own.
# Why it matters: matches of routes are regular expressions, and a path, a header or a pod's message in brackets is
#   nothing rare. An operator reads another rule than the proxies have, at a glance a valid one. Give cells as Text,
#   and labels with markup=False.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import asyncio

from textual.app import App
from textual.widgets import DataTable, Label, OptionList

TEXTS = ("/api/[a-z]+/v1", "/[A-Z]+/v1", "/[_a-z]+/v1", "/[0-9]+/v1", "/[^/]+/v1", r"/[\w-]+/v1")


class Shows(App):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def compose(self):
        if self.kind is OptionList:
            yield OptionList(*TEXTS)
        elif self.kind is Label:
            yield from map(Label, TEXTS)
        else:
            yield DataTable(show_header=False)

    def on_mount(self):
        if self.kind is DataTable:
            table = self.query_one(DataTable)
            table.add_column("path")
            for text in TEXTS:
                table.add_row(text)


async def shown(kind):
    """The lines of the screen that have a path, as a terminal would show them."""
    app = Shows(kind)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        rows = app.screen._compositor.render_strips()
        lines = ("".join(segment.text for segment in row).strip(" ▊▎") for row in rows)
        return tuple(line for line in lines if line.startswith("/"))


seen = {kind.__name__: asyncio.run(shown(kind)) for kind in (DataTable, Label, OptionList)}
print("given:", *TEXTS)
for kind, lines in seen.items():
    print(f"{kind} shows:", *lines)
kept = TEXTS[3:]
table = ("/api/+/v1", *TEXTS[1:3], *kept)
label = ("/api/+/v1", "/+/v1", "/+/v1", *kept)
expected = {"DataTable": table, "Label": label, "OptionList": label}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
