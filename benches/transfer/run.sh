#!/usr/bin/env bash
# The notebook's training in plainfilm and in Keras: same random VGG16, same films, same split, same recipe.
#
#   benches/transfer/run.sh path/to/covid-xray [Keras' epochs, default 2]
#
# plainfilm trains all 100 epochs with kept views, and a few with fresh ones; Keras trains a few, and its time
# for 100 is extrapolated, which the table says. Needs target/peers/venv (benches/peers/run.sh makes it; SciPy
# is what Keras rotates films with). Wants two idle cores and, with two epochs of Keras, about ten minutes.
set -euo pipefail
data=$(realpath "${1:?"usage: $0 path/to/covid-xray [epochs of Keras]"}")
epochs=${2:-2}
cd "$(dirname "$0")/../.."
python=${VENV:-target/peers/venv}/bin/python
out=target/transfer
program=${PLAINFILM:-target/release/plainfilm}
[ -n "${PLAINFILM:-}" ] || cargo build --release --quiet --workspace --bin plainfilm
rm -rf "$out"
mkdir -p "$out"
"$python" benches/transfer/notebook.py weights "$out/vgg16.keras"
ours() {
    "$program" train "$data" --labels Covid-19,No_findings --recipe notebook --weights "$out/vgg16.keras" \
        --keep-head --scaling unit --no-audit --cache-size 0 "$@" >"$out/log.txt" 2>&1
}
load=$(cut -d' ' -f1 /proc/loadavg)
begun=$(date +%s.%N)
ours --run "$out/kept"
ended=$(date +%s.%N)
half=
if grep -qw amx_bf16 /proc/cpuinfo; then
    half_begun=$(date +%s.%N)
    ours --run "$out/bf16" --split "$out/kept/split.csv" --precision bf16
    half=$(awk "BEGIN { print $(date +%s.%N) - $half_begun }")
fi
ours --run "$out/fresh" --split "$out/kept/split.csv" --views fresh --epochs "$epochs"
"$python" benches/transfer/notebook.py train "$data" "$out/kept/split.csv" "$out/vgg16.keras" \
    --epochs "$epochs" >"$out/keras.json"
"$python" benches/transfer/notebook.py table "$out" "$begun" "$ended" "$load" ${half:+--half "$half"}
