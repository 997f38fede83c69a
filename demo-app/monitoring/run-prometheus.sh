#!/usr/bin/env bash
# Runs the Prometheus of this machine with the demo's configuration and rules, without Docker, until it is stopped;
# with an Alertmanager beside it where there is one. Start the demo first: `cargo run -p demo-app`.
#
#   bash demo-app/monitoring/run-prometheus.sh [PORT]     9090 unless given
set -euo pipefail
cd "$(dirname "$0")"

port=${1:-9090}
for program in prometheus promtool; do
    command -v "$program" >/dev/null || { echo "$program is not here: apt-get install prometheus" >&2; exit 1; }
done
promtool check config prometheus/prometheus.yml >/dev/null
# Debian's package calls it so.
alertmanager=$(command -v alertmanager || command -v prometheus-alertmanager || true)

data=$(mktemp -d)
started=()
stop() {
    [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
    wait
    rm -rf "$data"
}
trap stop EXIT
trap 'exit 0' INT TERM

if [ -n "$alertmanager" ]; then
    "$alertmanager" --config.file=alertmanager/alertmanager.yml --storage.path="$data/alertmanager" \
        --web.listen-address=127.0.0.1:9093 --cluster.listen-address= --log.level=warn &
    started+=($!)
    echo "Alertmanager  http://127.0.0.1:9093"
fi
prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path="$data/prometheus" \
    --storage.tsdb.retention.time=1d --web.listen-address="127.0.0.1:$port" --log.level=warn &
started+=($!)
echo "Prometheus    http://127.0.0.1:$port/alerts"
echo "Stop it with Ctrl-C; its data goes with it."
wait -n
