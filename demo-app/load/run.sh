#!/usr/bin/env bash
# Loads a demo that runs already: most requests list items, some make paid reports. It needs wrk.
#   bash demo-app/load/run.sh [URL] [SECONDS] [CONNECTIONS]     http://localhost:8080, 10 and 16 unless given
set -euo pipefail
url=${1:-http://localhost:8080} seconds=${2:-10} connections=${3:-16}
command -v wrk >/dev/null || { echo "wrk is not here: apt-get install wrk" >&2; exit 1; }

json='content-type: application/json'
login=$(printf '{"user":"load-%s","password":"load-%s-%s"}' "$$" "$RANDOM" "$RANDOM$RANDOM")
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
curl -fsS -o /dev/null "$url/signup" -H "$json" -d "$login"
curl -fsS -o /dev/null -c "$jar" "$url/login" -H "$json" -d "$login"
DEMO_COOKIE=$(awk '$6 == "session" { print $6 "=" $7 }' "$jar")
export DEMO_COOKIE
# As far as the demonstration lets anybody top up; beyond it, reports are refused with 402, which is load too.
for _ in $(seq 9); do curl -fsS -o /dev/null -b "$jar" "$url/credits/top-up" -H "$json" -d '{"amount":1000}'; done
wrk --latency -t2 -c"$connections" -d"${seconds}s" -s "$(dirname "$0")/requests.lua" "$url"
