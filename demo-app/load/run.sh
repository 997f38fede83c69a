#!/usr/bin/env bash
# Loads a demo that runs already: of a hundred requests 80 list items, 15 look at one, 4 make a paid report and 1 asks for
# the balance. It needs oha (cargo install oha), curl and python3.
#   bash demo-app/load/run.sh [URL] [SECONDS] [RATE]     http://localhost:8080, 10 and 1000 a second unless given
set -euo pipefail
url=${1:-http://localhost:8080} seconds=${2:-10} rate=${3:-1000}
command -v oha >/dev/null || { echo "oha is not here: cargo install oha" >&2; exit 1; }
(( rate >= 100 )) || { echo "a rate of $rate has no request for the balance in a second: 100 or more" >&2; exit 1; }

json='content-type: application/json'
login=$(printf '{"user":"load-%s","password":"load-%s-%s"}' "$$" "$RANDOM" "$RANDOM$RANDOM")
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
curl -fsS -o /dev/null "$url/signup" -H "$json" -d "$login"
curl -fsS -o /dev/null -c "$kept/jar" "$url/login" -H "$json" -d "$login"
cookie="cookie: $(awk '$6 == "session" { print $6 "=" $7 }' "$kept/jar")"
# As far as the demonstration lets anybody top up; beyond it, reports are refused with 402, which is load too.
for _ in $(seq 9); do curl -fsS -o /dev/null -b "$kept/jar" "$url/credits/top-up" -H "$json" -d '{"amount":1000}'; done

of() { # of SHARE NAME ARGUMENT...: so many of a hundred requests, by 16 connections, timed from when they were due
    oha --no-tui --latency-correction -z "${seconds}s" -w -c 16 -q $((rate * $1 / 100)) \
        --output-format json -o "$kept/$2" "${@:3}" &
    running+=($!)
}
running=()
of 80 items "$url/items"
printf '%s\n' "$url"/items/{1..5} >"$kept/urls"
of 15 item --urls-from-file "$kept/urls"
of 4 reports -m POST -H "$cookie" "$url/reports"
of 1 credits -H "$cookie" "$url/credits"
for one in "${running[@]}"; do wait "$one"; done

python3 - "$kept" items item reports credits <<'PYTHON'
import json, sys
for name in sys.argv[2:]:
    said = json.load(open(f"{sys.argv[1]}/{name}"))
    late = said["latencyPercentiles"]
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(said["statusCodeDistribution"].items()))
    failed = ", ".join(f"{count} x {error}" for error, count in said["errorDistribution"].items())
    print(f"{name:8} {said['summary']['requestsPerSec']:7.0f}/s  p50 {late['p50'] * 1e3:.1f} ms  p99 {late['p99'] * 1e3:.1f} ms  "
          + answers + (f"  no answer: {failed}" if failed else ""))
PYTHON
