"""What is on screen is told to the cockpit, once a second at most and only where it is new."""

from __future__ import annotations

from meshtui.mesh.model import ServiceKey
from tests.ui.big import big_objects
from tests.ui.driving import Drive, driving
from tests.ui.fake import FakeCockpit


def service(number: int) -> ServiceKey:
    return ServiceKey("bookinfo", f"service-{number:04d}")


def told(drive: Drive) -> tuple[frozenset[ServiceKey], frozenset[ServiceKey] | None]:
    drive.app.main.in_sight.tell()
    return drive.cockpit.shown[-1]


async def test_the_rows_in_sight_are_told_and_what_a_filter_lets_through() -> None:
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(60)
    async with driving(cockpit) as drive:
        table = drive.app.main.table
        await drive.until(lambda: bool(table.entries))
        top, listed = told(drive)
        assert 5 < len(top) < 40 and listed is None
        number = len(cockpit.shown)
        told(drive)
        assert len(cockpit.shown) == number, "nothing new"
        await drive.press("G")
        end, _ = told(drive)
        assert len(end) < 40 and not top & end and table.place and table.place.service in end
        await drive.press("slash", *"005", "enter")
        shown, listed = told(drive)
        ten = frozenset(map(service, range(50, 60))) | {service(5)}
        assert listed == ten and shown <= ten
        await drive.press("slash", *"nosuch", "enter")
        await drive.until(lambda: not table.entries)
        number = len(cockpit.shown)
        drive.app.main.in_sight.forget()
        drive.app.main.in_sight.tell()
        assert len(cockpit.shown) == number, "no rows, nothing to read"


async def test_a_line_under_the_cursor_counts_though_it_is_scrolled_away() -> None:
    cockpit = FakeCockpit()
    cockpit.raw = big_objects(60)
    async with driving(cockpit) as drive:
        table = drive.app.main.table
        await drive.until(lambda: bool(table.entries))
        await drive.press("j")
        chosen = table.place
        table.jump(y=len(table.entries) - table.room)
        await drive.pilot.pause()
        assert chosen and chosen.service in told(drive)[0]
        assert len(told(drive)[0]) > 1
