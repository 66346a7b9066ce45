#!/usr/bin/env bash
# Five folds of DarkCovidNet on the reference data, settings in reference-folds.toml: the paper's ungrouped split beside the same by
# patient, and three classes. Prints the figures side by side.
#
#   benches/reference-folds.sh path/to/covid-xray [output folder]
#
# Roughly an hour on 2 cores: two runs at a time, one thread each, so that they stay comparable and
# neither waits for the other's cores. The runs stay in the output folder; run it again to go on.
set -euo pipefail
data=${1:?"usage: $0 path/to/covid-xray [output folder]"}
output=${2:-runs/reference-folds}
cd "$(dirname "$0")/.."
cargo build --release --quiet
plainfilm=target/release/plainfilm
mkdir -p "$output"

# name, labels, split
run() {
    local folder="$output/$1"
    if [ -f "$folder/settings.toml" ]; then
        "$plainfilm" train --resume "$folder"
    else
        "$plainfilm" train "$data" --labels "$2" --split "$3" --folds 5 --run "$folder" \
            --settings benches/reference-folds.toml --threads 1
    fi >"$folder.txt" 2>"$folder.log"
}

# The first accuracy in metrics.json is that of all folds together; its value is on the line below.
accuracy() { grep -A 1 '"accuracy": {' "$output/$1/metrics.json" | sed -n 's/.*"value": \([0-9.]*\).*/\1/p' | head -n 1; }
shared() { sed -n 's/.*"test_films_with_patient_in_training": \([0-9]*\).*/\1/p' "$output/$1/metrics.json"; }

both() {
    run "$1-random" "$2" random &
    local first=$!
    run "$1-grouped" "$2" grouped
    wait "$first"
}
both binary Covid-19,No_findings
both three Covid-19,No_findings,Pneumonia

printf '\n%-16s %10s %10s   %s\n' labels random grouped 'test films with a patient in training (random split)'
for labels in binary three; do
    printf '%-16s %10.4f %10.4f   %s\n' "$labels" "$(accuracy "$labels-random")" \
        "$(accuracy "$labels-grouped")" "$(shared "$labels-random")"
done
