#!/usr/bin/env bash
# Fetches the plotting library of the page from npm into assets/uplot, and says what changed.
set -euo pipefail
cd "$(dirname "$0")/assets/uplot"

version=1.6.32
integrity=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
timeout 2m npm pack --silent --pack-destination "$directory" "uplot@$version" >/dev/null
package=$directory/uplot-$version.tgz
found=sha512-$(openssl dgst -sha512 -binary "$package" | base64 -w0)
[ "$found" = "$integrity" ] || { echo "uplot $version is not what was vendored: $found" >&2; exit 1; }
tar -xzf "$package" -C "$directory"
for file in dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE; do
    if cmp -s "$directory/package/$file" "$(basename "$file")"; then
        echo "$(basename "$file"): unchanged"
    else
        cp "$directory/package/$file" .
        echo "$(basename "$file"): fetched"
    fi
done
