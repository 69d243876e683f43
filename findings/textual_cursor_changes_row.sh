#!/usr/bin/env bash
# When a table is sorted, or a row above the cursor goes, Textual's cursor is on another row and no message says so.
#
# One would guess: a cursor of rows stays with its row, as the rows have keys; or, if it stays at its place on the
#   screen, RowHighlighted tells which row is under it now, as it does for each key that moves it.
# Seen with Textual 8.2.8: the cursor is on "reviews" in DataTable. After sort() it is at the same height, on "web",
#   without a RowHighlighted. After remove_row() of a row above it, it is one row further, without one.
# Why it matters: a live table is sorted anew by its error rates all the time, and pods come and go above the
#   cursor. A program that remembers the row of the last RowHighlighted acts on one that is not highlighted; one
#   that asks the cursor acts on whatever has just slid under it, between the look and the key. Keep the key, and
#   move the cursor to it after each change.
. "$(dirname "$0")/environment"
with_packages textual==8.2.8 <<'END'
import asyncio

from textual.app import App
from textual.widgets import DataTable

ROWS = {"reviews": 1, "details": 3, "ratings": 2, "web": 4}


class Services(App):
    told = None

    def compose(self):
        yield DataTable(cursor_type="row")

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_column("service", key="service")
        table.add_column("errors", key="errors")
        for name, errors in ROWS.items():
            table.add_row(name, errors, key=name)

    def on_data_table_row_highlighted(self, event):
        self.told = event.row_key.value


async def seen_after(keys, change):
    """Which row the last message told of, and which the cursor is on, before and after a change."""
    app = Services()
    async with app.run_test() as pilot:
        table = app.query_one(DataTable)

        def under():
            return app.told, table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

        await pilot.press(*keys)
        await pilot.pause()
        before = under()
        change(table)
        await pilot.pause()
        await pilot.pause()
        return before, under()


async def main():
    return {
        "sort": await seen_after(["home"], lambda table: table.sort("errors", reverse=True)),
        "remove": await seen_after(["down"], lambda table: table.remove_row("reviews")),
    }


seen = asyncio.run(main())
for change, (before, after) in seen.items():
    print(f"{change}: told {before[0]}, on {before[1]}; after it: told {after[0]}, on {after[1]}")
expected = {
    "sort": (("reviews", "reviews"), ("reviews", "web")),
    "remove": (("details", "details"), ("details", "ratings")),
}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
END
