#!/usr/bin/env bash
# Prints the path of a Chromium, after installing Debian's where there is none: the storefront's tests drive it.
# Needs root and apt-get for that. Says what is missing and ends with 1 otherwise.
set -euo pipefail

find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
    if [[ -n "$name" ]] && command -v "$name"; then return 0; fi
  done
  return 1
}

if find_chromium; then exit 0; fi
if [[ "$(id -u)" -ne 0 ]] || ! command -v apt-get > /dev/null; then
  echo 'there is no Chromium, and it can be installed by root with apt-get only: install it, or name its path in CHROMIUM' >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
{
  apt-get update --quiet=2
  apt-get install --quiet=2 --no-install-recommends --yes chromium fonts-dejavu-core
} >&2
find_chromium
