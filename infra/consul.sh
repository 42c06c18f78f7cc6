#!/bin/sh
# A Consul of one's own: one server, built from its Go module (consul/go.mod pins it, consul/go.sum its checksums). In its
# own folder, on free loopback ports, stopped by its id.
#
#   infra/consul.sh install                       builds it into the cache (Go 1.25 or later; some minutes, once)
#   infra/consul.sh start <folder>                starts the one of <folder>, a new one the first time; prints its URL
#   infra/consul.sh stop <folder>                 stops it; its data stays
#   infra/consul.sh restart <folder> [immediate]  stops and starts it, on the same port; immediate: kills it
#   infra/consul.sh status <folder>               prints its URL when it runs, fails otherwise
#   infra/consul.sh wipe <folder>                 stops it and removes <folder>
#
# RAMET_CACHE names another cache than ~/.cache/ramet. A `consul` on the PATH is used as it is.
set -eu
. "$(dirname "$0")/lib.sh"

SOFT=TERM
HARD=KILL
module=$(cd "$(dirname "$0")" && pwd)/consul
built=$cache/consul-$(cat "$module/go.mod" "$module/go.sum" | sha256sum | cut -c 1-12)

consul_command() {
  command -v consul || echo "$built"
}

install() {
  need curl 'it asks Consul whether it is up'
  [ -x "$(consul_command)" ] || locked consul build
}

build() {
  [ -x "$built" ] && return
  need go 'Consul is built from its Go module (https://go.dev/dl, or put a consul on the PATH)'
  say 'building Consul: this takes some minutes, once'
  # The checked-in module is read only: other versions than these are an error.
  (cd "$module" && nice go build -mod=readonly -trimpath -ldflags '-s -w' -o "$built.part" github.com/hashicorp/consul >&2) ||
    fail 'Consul could not be built: is the Go proxy to be reached (go env GOPROXY), and Go 1.25 or later?'
  mv "$built.part" "$built"
}

configure() {
  cat >"$1/consul.json" <<CONF
{
  "server": true,
  "bootstrap_expect": 1,
  "datacenter": "dc1",
  "node_name": "ramet",
  "data_dir": "$1/data",
  "bind_addr": "127.0.0.1",
  "client_addr": "127.0.0.1",
  "ports": {
    "http": $(kept_port "$1"), "server": $(kept_port "$1" port.server), "serf_lan": $(kept_port "$1" port.serf),
    "serf_wan": -1, "dns": -1, "grpc": -1, "grpc_tls": -1
  },
  "performance": { "raft_multiplier": 1 },
  "connect": { "enabled": false },
  "leave_on_terminate": false,
  "disable_update_check": true,
  "log_level": "warn"
}
CONF
}

start() {
  configure "$1"
  launch "$1" "$(consul_command)" agent -config-file "$1/consul.json"
  healthy "$1" Consul 60 has_leader "$(cat "$1/port")"
}

# The agent's own node is in the catalogue only some moments after the election; services need it.
has_leader() {
  curl --silent --fail --max-time 2 "http://127.0.0.1:$1/v1/health/node/ramet" | grep -q serfHealth
}

url() {
  printf 'http://127.0.0.1:%s\n' "$(cat "$1/port")"
}

dispatch "$0" 5 10 "$@"
