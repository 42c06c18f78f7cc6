#!/bin/sh
# A PostgreSQL of one's own, from the system's package: in its own folder, on a free loopback port, stopped by its id.
# fsync and synchronous_commit stay on. PostgreSQL refuses to run as root: there it runs as the user 'postgres'.
#
#   infra/postgres.sh install                       installs PostgreSQL where it is missing (Debian, as root)
#   infra/postgres.sh start <folder>                starts the one of <folder>, a new one the first time; prints the URL of its superuser
#   infra/postgres.sh stop <folder>                 stops it; its data stays
#   infra/postgres.sh restart <folder> [immediate]  stops and starts it, on the same port; immediate: as after a crash
#   infra/postgres.sh status <folder>               prints its URL when it runs, fails otherwise
#   infra/postgres.sh wipe <folder>                 stops it and removes <folder>
#
# Whatever stands in LD_PRELOAD and FLUSH_US at the first start reaches the server.
set -eu
. "$(dirname "$0")/lib.sh"

# Fast shutdown: connections are ended, nothing is waited for. Immediate shutdown: the next start replays the log.
SOFT=INT
HARD=QUIT

bin() {
  ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1
}

as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

install() {
  [ -x "$(bin)/initdb" ] && return
  # Its package would make and start a cluster of its own.
  if [ "$(id -u)" = 0 ]; then
    mkdir -p /etc/postgresql-common
    [ -f /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt postgresql
}

prepare() {
  port=$(kept_port "$1")
  (umask 077 && "${NODE:-node}" -e 'process.stdout.write(require("crypto").randomBytes(18).toString("hex"))' >"$1/password")
  [ "$(id -u)" != 0 ] || chown postgres "$1" "$1/password"
  as_owner test -x "$1" -a -r "$1/password" ||
    fail "the user postgres cannot reach $1, and PostgreSQL does not run as root: choose a folder whose parents all may enter"
  # The user may have no right to stand where we stand.
  (cd "$1" && as_owner "$(bin)/initdb" -D "$1/data" -U ramet --auth=scram-sha-256 --pwfile="$1/password" --no-sync -E UTF8 --locale=C) \
    >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log" >&2; fail "initdb failed in $1"; }
  cat >>"$1/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = on
synchronous_commit = on
max_connections = 300
shared_buffers = 256MB
CONF
}

start() {
  preload=${LD_PRELOAD:-}
  unset LD_PRELOAD
  # An initdb that was interrupted has left no control file, or no configuration.
  if ! grep -qs '^shared_buffers = 256MB' "$1/data/postgresql.conf"; then
    rm -rf "$1/data"
    prepare "$1"
  fi
  # A machine that went down has left it; PostgreSQL would look whether another process has got the id since.
  [ ! -f "$1/data/postmaster.pid" ] || kill -0 "$(head -n 1 "$1/data/postmaster.pid")" 2>/dev/null || rm -f "$1/data/postmaster.pid"
  cd "$1"
  if [ "$(id -u)" = 0 ]; then
    launch "$1" setpriv --reuid postgres --regid postgres --init-groups \
      env LD_PRELOAD="$preload" FLUSH_US="${FLUSH_US:-0}" "$(bin)/postgres" -D "$1/data"
  else
    launch "$1" env LD_PRELOAD="$preload" FLUSH_US="${FLUSH_US:-0}" "$(bin)/postgres" -D "$1/data"
  fi
  healthy "$1" PostgreSQL 60 "$(bin)/pg_isready" -q -h 127.0.0.1 -p "$(cat "$1/port")"
}

url() {
  printf 'postgresql://ramet:%s@127.0.0.1:%s/postgres\n' "$(cat "$1/password")" "$(cat "$1/port")"
}

dispatch "$0" 5 10 "$@"
