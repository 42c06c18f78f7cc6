#!/bin/sh
# A PostgreSQL of one's own, from the system's package: in its own folder, on a free loopback port, stopped by its id.
# fsync and synchronous_commit stay on. PostgreSQL refuses to run as root: there it runs as the user 'postgres'.
#
#   infra/postgres.sh install           installs PostgreSQL where it is missing (Debian, as root)
#   infra/postgres.sh start <folder>    starts one on <folder>; prints its URL
#   infra/postgres.sh stop <folder>     stops it and removes <folder>
#
# Whatever stands in LD_PRELOAD and FLUSH_US reaches the server.
set -eu

as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

bin() {
  ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1
}

install() {
  [ -x "$(bin)/initdb" ] && return
  apt-get update -qq >&2
  mkdir -p /etc/postgresql-common
  # Its package would make and start a cluster of its own.
  [ -f /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

free_port() {
  "${NODE:-node}" -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})"
}

start() {
  folder=$1
  preload=${LD_PRELOAD:-}
  flush=${FLUSH_US:-0}
  unset LD_PRELOAD
  install
  mkdir -p "$folder"
  [ "$(id -u)" = 0 ] && chown postgres "$folder"
  port=$(free_port)
  # The user may have no right to stand where we stand.
  cd "$folder"
  as_owner "$(bin)/initdb" -D "$folder/data" -U bench -A trust --no-sync -E UTF8 --locale=C >"$folder.initdb.log" 2>&1
  cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$folder'
fsync = on
synchronous_commit = on
max_connections = 200
shared_buffers = 256MB
CONF
  # All of the shell in the background lets go of our output: whoever reads it would wait for the server's end.
  (
    exec >"$folder.log" 2>&1 </dev/null
    as_owner env LD_PRELOAD="$preload" FLUSH_US="$flush" "$(bin)/postgres" -D "$folder/data"
  ) &
  echo $! >"$folder.shell.pid"
  for _ in $(seq 1 600); do
    if "$(bin)/pg_isready" -q -h 127.0.0.1 -p "$port"; then
      echo "postgresql://bench@127.0.0.1:$port/postgres"
      return
    fi
    kill -0 "$(cat "$folder.shell.pid")" 2>/dev/null || break
    sleep 0.05
  done
  echo "PostgreSQL did not come up on $folder:" >&2
  tail -n 20 "$folder.log" >&2
  exit 1
}

stop() {
  folder=$1
  if [ -f "$folder/data/postmaster.pid" ]; then
    pid=$(head -n 1 "$folder/data/postmaster.pid")
    # Fast shutdown: connections are ended, nothing is waited for.
    kill -INT "$pid" 2>/dev/null || true
    for _ in $(seq 1 200); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -QUIT "$pid" 2>/dev/null || true
  fi
  rm -rf "$folder" "$folder.log" "$folder.initdb.log" "$folder.shell.pid"
}

case "${1:-}" in
  install) install ;;
  start) start "$2" ;;
  stop) stop "$2" ;;
  *) sed -n '2,10p' "$0" >&2; exit 64 ;;
esac
