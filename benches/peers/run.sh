#!/usr/bin/env bash
# Films per second of plainfilm and of other programs, side by side on this machine.
#
#   benches/peers/run.sh path/to/covid-xray [--rows PATTERN] [--batch N] [--rounds N] [--seconds S]
#
# Installs the peers (requirements.txt, several GB: PyTorch's default wheel carries CUDA) into
# target/peers/venv, builds bench-conv and hands over to compare.py, whose --help has the rest. Wants
# two idle cores and about 20 minutes for everything; rounds add to those of earlier calls in
# target/peers/results.json, so it can be run in pieces.
set -euo pipefail
data=${1:?"usage: $0 path/to/covid-xray [arguments of compare.py]"}
data=$(realpath "$data")
shift
cd "$(dirname "$0")/../.."
. benches/python.sh
venv=target/peers/venv
if ! cmp --silent benches/peers/requirements.txt "$venv/installed.txt"; then
    python=$(python_of_version 3.12)
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --requirement benches/peers/requirements.txt
    cp benches/peers/requirements.txt "$venv/installed.txt"
fi
cargo build --release --quiet --workspace --bins
exec "$venv/bin/python" benches/peers/compare.py "$data" "$@"
