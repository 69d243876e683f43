#!/usr/bin/env bash
# google-re2 writes each pattern that it refuses to the process' stderr, by default, and raises an error
# whose text is bytes.
#
# One would guess: re2.compile of a pattern that is not RE2 (Perl's lookahead, say) raises re2.error with
#   the reason as text, as `re` does, for which it is a drop-in, and prints nothing.
# Seen with google-re2 1.1.20251105: it raises, and str(error) is "b'invalid perl operator: (?='"; the C++
#   library also logs two lines to file descriptor 2, from below Python: contextlib.redirect_stderr does
#   not see them. An Options object with log_errors = False stops that.
# Why it matters: regular expressions of routes come from people, and a Textual screen paints on stderr
#   (textual_paints_on_stderr.sh): one bad match in a VirtualService writes over the cockpit.
. "$(dirname "$0")/environment"
with_packages google-re2==1.1.20251105 <<'END'
import contextlib
import io
import os
import sys
import tempfile

import re2

with tempfile.TemporaryFile() as below:
    kept = os.dup(2)
    os.dup2(below.fileno(), 2)
    above = io.StringIO()
    with contextlib.redirect_stderr(above):
        try:
            re2.compile("/shop(?=/cart)")
        except re2.error as error:
            raised = str(error)
        quiet = re2.Options()
        quiet.log_errors = False
        before = os.fstat(below.fileno()).st_size
        with contextlib.suppress(re2.error):
            re2.compile("/shop(?=/cart)", quiet)
        after = os.fstat(below.fileno()).st_size
    os.dup2(kept, 2)
    below.seek(0)
    written = below.read().decode()
print("raised:", raised)
print("on file descriptor 2:", written.strip())
seen = (raised, "Error parsing" in written, above.getvalue(), after == before)
expected = ("b'invalid perl operator: (?='", True, "", True)
print("still there" if seen == expected else f"changed: was {expected}")
sys.exit(seen != expected)
END
