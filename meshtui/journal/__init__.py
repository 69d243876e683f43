"""The write-ahead record of every change: what was meant is on disk before anything is written."""

from meshtui.journal.entry import Entry, MadeChange, Status, Unread, count_unread, grouped, whole_id
from meshtui.journal.limits import Limit
from meshtui.journal.store import Journal

__all__ = [
    "Entry",
    "Journal",
    "Limit",
    "MadeChange",
    "Status",
    "Unread",
    "count_unread",
    "grouped",
    "whole_id",
]
