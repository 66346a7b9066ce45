#!/usr/bin/env bash
# Grad-CAM of 100 films with DarkCovidNet, films per second: plainfilm and pytorch-grad-cam in turns.
#
#   benches/explain/run.sh [ARCHITECTURE [SIZE [FILMS]]]      # darkcovidnet 224 100
#
# Installs the peer (reference/explain/requirements.txt) into target/explain/venv, or takes the one that
# PYTHON_ENV names. Both have two threads and films in memory, and give maps of the film's size. The
# peer's batch is the fastest of 1, 8 and 32.
set -euo pipefail
cd "$(dirname "$0")/../.."
. benches/python.sh
architecture=${1:-darkcovidnet} size=${2:-224} films=${3:-100} turns=5
venv=${PYTHON_ENV:-target/explain/venv}
if [ ! -x "$venv/bin/python" ]; then
    python=$(python_of_version 3.10)
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement reference/explain/requirements.txt
fi
cargo build --release --quiet --workspace --bins
ours() { RAYON_NUM_THREADS=2 target/release/bench-explain "$architecture" "$size" "$films" "$1"; }
peer() { OMP_NUM_THREADS=2 "$venv/bin/python" benches/explain/peer.py "$architecture" "$size" "$films" "$1" "$2"; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

best=0 batch=1
for candidate in 1 8 32; do
    speed=$(peer 1 "$candidate")
    if awk "BEGIN { exit !($speed > $best) }"; then best=$speed batch=$candidate; fi
done
us=$(mktemp) them=$(mktemp)
trap 'rm -f "$us" "$them"' EXIT
for _ in $(seq "$turns"); do
    ours 2 >>"$us"
    peer 2 "$batch" >>"$them"
done
a=$(median <"$us") b=$(median <"$them")
echo "Grad-CAM, $architecture, $size pixels, $films films, two threads, medians of $((2 * turns)) rounds in turns:"
awk "BEGIN { printf \"plainfilm %.1f films/s, pytorch-grad-cam %.1f films/s (batch $batch), ratio %.2f\n\", $a, $b, $a / $b }"
