#!/usr/bin/env bash
# Trains the lung network that comes with the program; Dice on held-out patients goes to stdout.
# usage: benches/elsewhere/lungs.sh DATA, the reference data with its lung_masks
set -euo pipefail
data=$(realpath "${1:?usage: $0 DATA}")
cd "$(dirname "$0")/../.."
cargo build --release --package plainfilm-bench-elsewhere
fresh=target/lungs.safetensors
target/release/bench-elsewhere lungs "$data" "$data/lung_masks" "$fresh" 40
mv "$fresh" crates/plainfilm-model/models/lungs.safetensors
