# Sourced by the scripts beside it: `with_packages NAME==VERSION …` runs the Python that it reads from
# standard input in a virtual environment of its own with these packages, in a folder that is removed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

with_packages() {
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install -q "$@"
  PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 TMPDIR="$dir" "$dir/venv/bin/python" -
}
