#!/usr/bin/env bash
# Trains the lung network that comes with the program; Dice on held-out patients goes to stdout.
# usage: benches/elsewhere/lungs.sh DATA, the reference data with its lung_masks
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --package plainfilm-bench-elsewhere
target/release/bench-elsewhere lungs "$1" "$1/lung_masks" /tmp/lungs.safetensors 40
mv /tmp/lungs.safetensors crates/plainfilm/models/lungs.safetensors
