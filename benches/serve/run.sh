#!/usr/bin/env bash
# Requests per second of `plainfilm serve` and of FastAPI with ONNX Runtime and Pillow, in turns on this machine.
#   benches/serve/run.sh path/to/covid-xray [ROUNDS] [CLIENTS] [SECONDS]
# Both serve the bundled network; ours also finds the lungs, says whether the film is unlike, and decodes apart, which the
# peer does not. `ours, no likeness` serves a DarkCovidNet without that (trained here on drawn films in a minute), which
# is what the peer does.
set -euo pipefail
data=$(realpath "${1:?"usage: $0 path/to/covid-xray [ROUNDS] [CLIENTS] [SECONDS]"}")
rounds=${2:-3} clients=${3:-16} seconds=${4:-10}
cd "$(dirname "$0")/../.."
. benches/python.sh
venv=target/bench-serve/venv
if ! cmp --silent benches/serve/requirements.txt "$venv/installed.txt"; then
    python=$(python_of_version 3.12)
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement benches/serve/requirements.txt
    cp benches/serve/requirements.txt "$venv/installed.txt"
fi
program=${PLAINFILM:-target/release/plainfilm}
[ -n "${PLAINFILM:-}" ] || cargo build --release --quiet --workspace --bins
work=target/bench-serve
mkdir -p $work/films
[ -e $work/darkcovidnet.onnx ] || "$venv/bin/python" benches/serve/onnx_file.py \
    crates/plainfilm-model/models/bundled.plainfilm.safetensors $work/darkcovidnet.onnx
if [ ! -e $work/plain ]; then
    "$program" data phantoms $work/drawn --count 60 >/dev/null
    "$program" train $work/drawn --labels opacity,clear --model darkcovidnet --size 224 --epochs 1 --no-audit --run $work/plain
fi
# Real films as PNG, as clients send them.
if [ -z "$(ls $work/films)" ]; then
    "$venv/bin/python" - "$data" $work/films <<'P'
import pathlib, sys
from PIL import Image
films = sorted(p for p in pathlib.Path(sys.argv[1]).rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg") and "mask" not in str(p))
for number, path in enumerate(films[:: max(1, len(films) // 40)][:40]):
    Image.open(path).convert("L").save(f"{sys.argv[2]}/{number:02}.png")
P
fi
films=($work/films/*.png)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true' EXIT
wait_for() { for _ in $(seq 100); do curl --silent --output /dev/null "$1" && return; sleep 0.2; done; echo "nothing answers at $1" >&2; exit 1; }
measure() { # name, address, path, command…
    local name=$1 address=$2 path=$3
    shift 3
    "$@" >/dev/null 2>&1 &
    started=($!)
    wait_for "http://$address/"
    printf '%-24s %s\n' "$name" "$("$venv/bin/python" benches/serve/load.py "$address" "$path" "$clients" "$seconds" "${films[@]}")"
    kill "${started[0]}" && wait "${started[0]}" 2>/dev/null || true
    started=()
}
grep --max-count=1 'model name' /proc/cpuinfo
for _ in $(seq "$rounds"); do
    measure "ours, bundled" 127.0.0.1:8701 /v1/predict "$program" serve --listen 127.0.0.1:8701
    measure "ours, no likeness" 127.0.0.1:8702 /v1/predict "$program" serve --listen 127.0.0.1:8702 $work/plain
    measure "FastAPI, ONNX Runtime" 127.0.0.1:8703 /predict env MODEL=$work/darkcovidnet.onnx \
        "$venv/bin/uvicorn" --app-dir benches/serve --workers 2 --port 8703 --log-level error peer_fastapi:app
done
