#!/bin/sh
# A Redis of one's own, from the system's package: in its own folder, on a free loopback port, stopped by its id.
#
#   infra/redis.sh install                       installs redis-server where it is missing (Debian, as root)
#   infra/redis.sh start <folder> [fsync]        starts the one of <folder>; fsync: everysec (default), always or no; prints its URL
#   infra/redis.sh stop <folder>                 stops it; its data stays
#   infra/redis.sh restart <folder> [immediate]  stops and starts it, on the same port; immediate: kills it
#   infra/redis.sh status <folder>               prints its URL when it runs, fails otherwise
#   infra/redis.sh wipe <folder>                 stops it and removes <folder>
#
# Whatever stands in the environment (LD_PRELOAD, say) reaches the server.
set -eu
. "$(dirname "$0")/lib.sh"

SOFT=TERM
HARD=KILL

install() {
  command -v redis-server >/dev/null && return
  # Its package would start one of its own: RUNLEVEL=1 keeps it from that.
  export RUNLEVEL=1
  apt redis-server
}

# start <folder> [fsync]: a restart without one keeps the one before.
start() {
  [ -z "${2:-}" ] || echo "$2" >"$1/fsync"
  fsync=$(cat "$1/fsync" 2>/dev/null || echo everysec)
  port=$(kept_port "$1")
  launch "$1" redis-server --bind 127.0.0.1 --port "$port" --dir "$1" --appendonly yes --appendfsync "$fsync" --save '' \
    --maxmemory-policy noeviction --daemonize no
  healthy "$1" redis-server 30 answers "$port"
}

answers() {
  LD_PRELOAD= redis-cli -p "$1" ping | grep -q PONG
}

url() {
  printf 'redis://127.0.0.1:%s\n' "$(cat "$1/port")"
}

dispatch "$0" 4 9 "$@"
