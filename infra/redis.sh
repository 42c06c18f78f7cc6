#!/bin/sh
# A Redis of one's own, from the system's package: in its own folder, on a free loopback port, stopped by its id.
#
#   infra/redis.sh install                 installs redis-server where it is missing (Debian, as root)
#   infra/redis.sh start <folder> [fsync]  starts one on <folder>; fsync: everysec (default), always or no; prints its URL
#   infra/redis.sh stop <folder>           stops it and removes <folder>
#
# Whatever stands in the environment (LD_PRELOAD, say) reaches the server.
set -eu

free_port() {
  "${NODE:-node}" -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})"
}

install() {
  command -v redis-server >/dev/null && return
  apt-get update -qq >&2
  # Its package would start one of its own: RUNLEVEL=1 keeps it from that.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >&2
}

start() {
  folder=$1
  fsync=${2:-everysec}
  install
  mkdir -p "$folder"
  port=$(LD_PRELOAD= free_port)
  redis-server --bind 127.0.0.1 --port "$port" --dir "$folder" --appendonly yes --appendfsync "$fsync" --save '' \
    --maxmemory-policy noeviction --daemonize no >"$folder/redis.log" 2>&1 </dev/null &
  echo $! >"$folder/redis.pid"
  for _ in $(seq 1 200); do
    if LD_PRELOAD= redis-cli -p "$port" ping 2>/dev/null | grep -q PONG; then
      echo "redis://127.0.0.1:$port"
      return
    fi
    kill -0 "$(cat "$folder/redis.pid")" 2>/dev/null || break
    sleep 0.05
  done
  echo "redis-server did not come up on $folder:" >&2
  tail -n 20 "$folder/redis.log" >&2
  exit 1
}

stop() {
  folder=$1
  if [ -f "$folder/redis.pid" ]; then
    pid=$(cat "$folder/redis.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 1 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -rf "$folder"
  fi
}

case "${1:-}" in
  install) install ;;
  start) start "$2" "${3:-}" ;;
  stop) stop "$2" ;;
  *) sed -n '2,9p' "$0" >&2; exit 64 ;;
esac
