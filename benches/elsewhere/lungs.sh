#!/usr/bin/env bash
# Trains the lung network that comes with the program; Dice on held-out patients goes to stdout.
# usage: benches/elsewhere/lungs.sh DATA…, data sets with lung masks (in their manifests, or in lung_masks/)
set -euo pipefail
[ $# -gt 0 ] || { sed -n 3p "$0"; exit 2; }
data=()
for folder in "$@"; do data+=("$(realpath "$folder")"); done
cd "$(dirname "$0")/../.."
cargo build --release --package plainfilm-bench-elsewhere
fresh=target/lungs.safetensors
target/release/bench-elsewhere lungs "$fresh" 45 "${data[@]}"
mv "$fresh" crates/plainfilm-model/models/lungs.safetensors
