#!/usr/bin/env bash
# Kills a training at random moments, resumes it each time, and compares its model file with that of
# a training that was left alone.
#
#   benches/kill-and-resume.sh [kills] [seed]
set -euo pipefail
kills=${1:-20}
RANDOM=${2:-1}
cd "$(dirname "$0")/.."
cargo build --release --quiet
plainfilm=$PWD/target/release/plainfilm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$plainfilm" data phantoms films --count 60 --size 160 2>/dev/null
settings=(--size 96 --epochs 30 --batch 8 --threads 2)
"$plainfilm" train films --run whole "${settings[@]}" >/dev/null 2>&1

done=0
while [ "$done" -lt "$kills" ]; do
    if [ -f broken/metrics.json ]; then
        echo "the run ended after $done kills" >&2
        exit 1
    fi
    if [ -f broken/settings.toml ]; then
        "$plainfilm" train --resume broken >/dev/null 2>&1 &
    else
        rm -rf broken
        "$plainfilm" train films --run broken "${settings[@]}" >/dev/null 2>&1 &
    fi
    pid=$!
    sleep "$(printf '%d.%03d' $((RANDOM % 2)) $((RANDOM % 1000)))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    done=$((done + 1))
done
epochs=$(($(wc -l <broken/history.csv) - 1))
"$plainfilm" train --resume broken >/dev/null 2>&1
cmp whole/model.plainfilm.safetensors broken/model.plainfilm.safetensors
echo "$kills kills, the last after epoch $epochs of 30: the model files are the same"
