# What the scripts of the engines share; each sources it. `folder` is what the engine keeps everything in:
# port (chosen once, kept over restarts), pid, url, log, data/.

cache="${RAMET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ramet}"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# need <command> <what to do>: ends with what to do when the command is not there.
need() {
  command -v "$1" >/dev/null || fail "there is no $1 here: $2"
}

# locked <name> <command …>: one at a time on this machine, for what goes into the cache.
locked() {
  mkdir -p "$cache"
  lock="$cache/$1.lock"
  shift
  if command -v flock >/dev/null; then
    (
      flock 9
      "$@"
    ) 9>"$lock"
  else
    "$@"
  fi
}

# apt <package>: installs one of Debian's. Needs root. One after the other: apt-get refuses to run twice.
apt() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$1 is missing, and only root can install it (apt-get): install it by hand"
  locked apt apt_get "$1" || fail "apt-get could not install $1"
}

apt_get() {
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >&2
}

# Below the range from which the kernel takes ports for outgoing connections: a restart wants the same port again.
free_port() {
  LD_PRELOAD= "${NODE:-node}" -e '
    const taken = process.argv.slice(1);
    const attempt = () => {
      const port = 15000 + Math.floor(Math.random() * 16000);
      if (taken.includes(String(port))) return attempt();
      const server = require("net").createServer().on("error", attempt);
      server.listen(port, "127.0.0.1", () => server.close(() => console.log(port)));
    };
    attempt();
  ' "$@"
}

# kept_port <folder> [name]: the port of a folder, the same at every start.
kept_port() {
  [ -s "$1/${2:-port}" ] || free_port $(cat "$1"/port* 2>/dev/null) >"$1/${2:-port}"
  cat "$1/${2:-port}"
}

absolute() {
  mkdir -p "$1"
  (cd "$1" && pwd)
}

# begun <pid>: when a process began, in ticks since the machine did; nothing where that cannot be known.
begun() {
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# alive <folder>: whether the process of the folder runs. Not when the id has gone to another one since, which nobody here may
# end, and not when it is over and only its parent has not asked yet.
alive() {
  [ -s "$1/pid" ] || return 1
  read -r id since <"$1/pid"
  kill -0 "$id" 2>/dev/null && [ "$(begun "$id")" = "$since" ] && ! grep -qs '^State:.*Z' "/proc/$id/status"
}

# launch <folder> <command …>: runs it in the background in a session of its own, so that no terminal ends it. All of it
# lets go of our output: whoever reads it would wait for the server's end.
launch() {
  launched=$1
  shift
  [ ! -f "$launched/log" ] || mv "$launched/log" "$launched/log.before"
  if command -v setsid >/dev/null; then
    setsid "$@" >"$launched/log" 2>&1 </dev/null &
  else
    nohup "$@" >"$launched/log" 2>&1 </dev/null &
  fi
  echo "$! $(begun $!)" >"$launched/pid"
}

# healthy <folder> <what> <seconds> <probe …>: waits until the probe succeeds, or ends with the last lines of the log.
healthy() {
  waited=$1
  what=$2
  rounds=$(($3 * 20))
  shift 3
  while [ "$rounds" -gt 0 ]; do
    if "$@" >/dev/null 2>&1; then return; fi
    alive "$waited" || break
    sleep 0.05
    rounds=$((rounds - 1))
  done
  say "$what did not come up in $waited:"
  tail -n 20 "$waited/log" >&2
  halt "$waited" KILL
  exit 1
}

# halt <folder> <signal>: ends the process of a folder by its id; with force when it is not gone after ten seconds.
halt() {
  if alive "$1"; then
    kill -"$2" "$id" 2>/dev/null || true
    rounds=200
    while alive "$1" && [ "$rounds" -gt 0 ]; do
      sleep 0.05
      rounds=$((rounds - 1))
    done
    if alive "$1"; then kill -KILL "$id" 2>/dev/null || true; fi
    while alive "$1"; do sleep 0.05; done
  fi
  rm -f "$1/pid"
}

# dispatch <script> <first line of its usage> <last> <arguments …>: the commands that all engines have. The script gives
# install, start <folder> …, url <folder>, SOFT and HARD (the signals of an orderly and of an immediate end).
dispatch() {
  script=$1 first=$2 last=$3
  shift 3
  command=${1:-}
  [ "$command" = install ] || [ -n "${2:-}" ] || { sed -n "$first,${last}p" "$script" >&2; exit 64; }
  case "$command" in
    install) install ;;
    start)
      at=$(absolute "$2")
      shift 2
      # Not with ||, within which the shell would go on after an error.
      if ! alive "$at"; then
        install
        start "$at" "$@"
      fi
      url "$at"
      ;;
    stop) halt "$2" "$SOFT" ;;
    wipe)
      halt "$2" "$HARD"
      rm -rf "$2"
      ;;
    restart)
      at=$(absolute "$2")
      case "${3:-}" in
        '') halt "$at" "$SOFT" ;;
        immediate) halt "$at" "$HARD" ;;
        *) fail "a restart is orderly or 'immediate', not '$3'" ;;
      esac
      start "$at"
      url "$at"
      ;;
    status) if alive "$2"; then url "$2"; else fail "nothing runs in $2"; fi ;;
    *) sed -n "$first,${last}p" "$script" >&2; exit 64 ;;
  esac
}
