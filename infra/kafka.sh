#!/bin/sh
# A Kafka of one's own: one node in KRaft mode, its jars from Maven Central (kafka.jars names them with their checksums), on
# the machine's JDK (17 or later). In its own folder, on a free loopback port, stopped by its id.
#
#   infra/kafka.sh install                       fetches the jars into the cache (45 MB, once)
#   infra/kafka.sh start <folder>                starts the one of <folder>, a new one the first time; prints host:port
#   infra/kafka.sh stop <folder>                 stops it; its data stays
#   infra/kafka.sh restart <folder> [immediate]  stops and starts it, on the same port; immediate: kills it
#   infra/kafka.sh status <folder>               prints host:port when it runs, fails otherwise
#   infra/kafka.sh wipe <folder>                 stops it and removes <folder>
#
# Where a file <folder>/advertised says host:port, clients are told to connect there: to a proxy before it.
# MAVEN_MIRROR names another repository than https://repo1.maven.org/maven2; RAMET_CACHE another cache than ~/.cache/ramet.
set -eu
. "$(dirname "$0")/lib.sh"

SOFT=TERM
HARD=KILL
list=$(cd "$(dirname "$0")" && pwd)/kafka.jars
jars=$cache/kafka-$(sha256sum "$list" | cut -c 1-12)

java_command() {
  if [ -n "${JAVA_HOME:-}" ]; then echo "$JAVA_HOME/bin/java"; else echo java; fi
}

install() {
  command -v "$(java_command)" >/dev/null || [ -n "${JAVA_HOME:-}" ] || apt openjdk-17-jre-headless
  need "$(java_command)" 'Kafka runs on a JRE of version 17 or later, and JAVA_HOME names one that is not there'
  [ -f "$jars/complete" ] || locked kafka fetch_jars
}

fetch_jars() {
  [ -f "$jars/complete" ] && return
  need curl "it fetches Kafka's jars"
  rm -rf "$jars"
  mkdir -p "$jars"
  cd "$jars"
  while read -r _ path; do
    printf 'url = "%s/%s"\noutput = "%s"\n' "${MAVEN_MIRROR:-https://repo1.maven.org/maven2}" "$path" "$(basename "$path")"
  done <"$list" >list.curl
  curl --no-progress-meter --fail --location --retry 5 --retry-all-errors --parallel --parallel-max 4 --config list.curl ||
    fail "could not fetch Kafka's jars: is ${MAVEN_MIRROR:-https://repo1.maven.org/maven2} to be reached? (MAVEN_MIRROR names another)"
  sed 's|  .*/|  |' "$list" | sha256sum --check --quiet - >&2 || fail "what was fetched is not what $list says"
  touch complete
}

# With the first compiler alone it starts in half the time, which counts more here than its speed under load.
java_with() {
  shift_home=$1
  shift
  "$(java_command)" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" -Dkafka.logs.dir="$shift_home" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"
}

configure() {
  address=127.0.0.1:$(kept_port "$1")
  [ ! -s "$1/advertised" ] || address=$(cat "$1/advertised")
  cat >"$1/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(kept_port "$1" port.controller)
listeners=PLAINTEXT://127.0.0.1:$(kept_port "$1"),CONTROLLER://127.0.0.1:$(kept_port "$1" port.controller)
advertised.listeners=PLAINTEXT://$address
controller.listener.names=CONTROLLER
log.dirs=$1/data
auto.create.topics.enable=false
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=250
CONF
}

start() {
  configure "$1"
  if [ ! -f "$1/data/meta.properties" ]; then
    rm -rf "$1/data"
    java_with "$1" kafka.tools.StorageTool format --cluster-id rametRAMETrametRAMETrA --config "$1/server.properties" >"$1/format.log" 2>&1 ||
      { cat "$1/format.log" >&2; fail "the data of Kafka could not be prepared in $1"; }
  fi
  launch "$1" "$(java_command)" -Xmx512m -XX:+UseSerialGC -cp "$jars/*" -Dkafka.logs.dir="$1" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -Dorg.slf4j.simpleLogger.showDateTime=true "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS" kafka.Kafka "$1/server.properties"
  healthy "$1" Kafka 90 grep -q 'Kafka Server started' "$1/log"
}

url() {
  printf '127.0.0.1:%s\n' "$(cat "$1/port")"
}

dispatch "$0" 5 10 "$@"
