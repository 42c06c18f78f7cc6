#!/bin/sh
# A Python with packages, for tests that look at Ramet from another language: a virtual environment in the cache.
#
#   infra/python.sh <requirements.txt>    makes it where it is missing; prints the path of its python
#
# The file names each package with its checksum (pip's hash-checking mode). RAMET_CACHE names another cache than ~/.cache/ramet.
set -eu
. "$(dirname "$0")/lib.sh"

[ -f "${1:-}" ] || { sed -n '4p' "$0" >&2; exit 64; }
place=$cache/python-$(sha256sum "$1" | cut -c 1-12)

make() {
  [ -f "$place/complete" ] && return
  need python3 'install it (Debian: apt-get install python3-venv)'
  rm -rf "$place"
  python3 -m venv "$place" >&2 || { apt python3-venv && python3 -m venv "$place" >&2; } || fail 'python3 could not make a virtual environment'
  "$place/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1" >&2 ||
    fail "pip could not install what $1 names: is the package index to be reached?"
  touch "$place/complete"
}

[ -f "$place/complete" ] || locked python make "$1"
printf '%s\n' "$place/bin/python"
