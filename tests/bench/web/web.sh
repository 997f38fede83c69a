#!/usr/bin/env bash
# Server CPU a request over HTTP: one-worker servers, all up at once; wrk visits them in turn, ROUNDS times, each round
# beginning with another. Prints a line a visit, then each mode's ratio to `bare` of the same round.
# usage: web/web.sh [ROUNDS] [SECONDS] [MODES...]; needs wrk and `cargo build --release -p web`. Ends by itself.
set -eu
rounds=${1:-5} seconds=${2:-2}
shift 2 || shift $#
modes=("${@:-bare}")
[ ${#modes[@]} -gt 1 ] || modes=(bare ours own-naive actix-web-prom logger tracing-actix-web otel-metrics)
web=${CARGO_TARGET_DIR:-target}/release/web
path=${WEB_PATH:-/plaintext} first=${WEB_PORT:-18400}
life=$((rounds * (seconds + 1) * ${#modes[@]} + 20))
[ $life -le 600 ] || { echo "that would take $life s; at most 600" >&2; exit 1; }
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT
for number in "${!modes[@]}"; do
  taskset -c 0 "$web" serve "${modes[$number]}" $((first + number)) $life >/dev/null 2>&1 &
  pids+=($!)
done
sleep 2
cpu() { cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; } # ns on a core
for round in $(seq 1 "$rounds"); do
  for turn in "${!modes[@]}"; do
    number=$(((turn + round) % ${#modes[@]}))
    before=$(cpu "${pids[$number]}")
    said=$(taskset -c 1 wrk -t1 -c32 -d"${seconds}s" "http://127.0.0.1:$((first + number))$path")
    after=$(cpu "${pids[$number]}")
    awk -v round="$round" -v mode="${modes[$number]}" -v ns=$((after - before)) \
      '/requests in/ { requests = $1 } /Requests\/sec/ { rate = $2 }
       END { printf "%s\t%s\t%s\t%.3f\n", round, mode, rate, ns / 1e3 / requests }' <<<"$said"
  done
done | tee /dev/stderr | python3 -c '
import statistics, sys
us = {}
for line in sys.stdin:
    turn, mode, _, cost = line.split("\t")
    us.setdefault(mode, {})[turn] = float(cost)
print("\n| middleware | server CPU a request, median us | over bare, median of rounds | middle half of rounds |\n|---|---|---|---|")
for mode, costs in us.items():
    over = sorted(cost / us["bare"][turn] for turn, cost in costs.items())
    quarter = len(over) // 4
    print(f"| {mode} | {statistics.median(costs.values()):.2f} | {statistics.median(over):.3f} "
          f"| {over[quarter]:.3f} to {over[-1 - quarter]:.3f} |")
'
