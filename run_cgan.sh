#!/usr/bin/env bash
# Writes samples/cgan.png: faces whose hair and eyes are as FILE says, a prompt a line such as
# `1,blue hair green eyes`; 25 lines make 25 images in order, 5 lines five rows, other numbers an
# image a line. The same FILE gives the same bytes each time: samples/cgan_original.png is that of
# samples/testing_tags.txt. Further options go to `animekit generate`.
set -euo pipefail
if [[ $# -eq 0 || $1 == -?* ]]; then
    echo "usage: ${0##*/} FILE [OPTION...]   FILE holds lines such as: 1,blue hair green eyes" >&2
    exit 2
fi
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
"$root/.ci/env"
mkdir -p "$root/samples"
exec "$root/.venv/bin/animekit" generate cfaces64 --prompts "$1" --per-prompt auto --image-size 64 \
    -o "$root/samples/cgan.png" "${@:2}"
