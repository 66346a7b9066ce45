#!/usr/bin/env bash
# How recipes fare on films of groups that were left out, as made-up hospitals give them.
# usage: benches/elsewhere/run.sh DATA [--weights FILE] [RECIPE…]; recipes that begin with ImageNet need FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1
shift
cargo build --release --package plainfilm-bench-elsewhere
exec target/release/bench-elsewhere transfer "$data" benches/elsewhere/recipes.toml "$@"
