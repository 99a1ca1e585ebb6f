#!/usr/bin/env bash
# Writes samples/gan.png: 25 faces from the bundled generator, the same bytes each time.
# Makes its environment on first use; needs no network afterwards. Options go to `animekit generate`.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
"$root/.ci/env"
mkdir -p "$root/samples"
exec "$root/.venv/bin/animekit" generate faces64 --seeds 0-24 --grid 5x5 --image-size 64 \
    -o "$root/samples/gan.png" "$@"
