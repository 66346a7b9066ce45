#!/bin/sh
# Counts false alarms of `plainfilm audit`: synthetic films whose site says nothing about the label
# must pass, but for marks in the middle, which are their opacities. Also shows how the figures grow with a planted shortcut.
#
#   benches/audit-alarms.sh [SEEDS] [FILMS]      (40 seeds of 240 films by default)
#
# PLAINFILM names the program; without it, the release build of this checkout is used.
set -eu
cd "$(dirname "$0")/.."
seeds=${1:-40}
films=${2:-240}
program=${PLAINFILM:-target/release/plainfilm}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# audited SHORTCUT SEED: prints the verdict, then the AUROC of header_only and border_only.
audited() {
    rm -rf "$scratch/films"
    "$program" data phantoms "$scratch/films" --count "$films" --size 192 \
        --shortcut "$1" --seed "$2" 2>/dev/null
    "$program" audit "$scratch/films" --format json 2>/dev/null | python3 -c '
import json, sys
audit = json.load(sys.stdin)
values = {check["id"]: check for check in audit["checks"]}
bad = [i for i, c in values.items() if c["status"] in ("warn", "fail") and not (i == "marks" and c["status"] == "warn")]
print(audit["verdict"] if bad else "pass", round(values["header_only"]["value"] or 0, 3),
      round(values["border_only"]["value"] or 0, 3), ",".join(bad))'
}

alarms=0
for seed in $(seq 1 "$seeds"); do
    line=$(audited 0 "$seed")
    echo "shortcut 0, seed $seed: $line"
    case $line in pass*) ;; *) alarms=$((alarms + 1)) ;; esac
done
echo "$alarms false alarms in $seeds sets of $films films without a shortcut"
for strength in 0.25 0.5 0.75 1; do
    echo "shortcut $strength, seed 1: $(audited "$strength" 1)"
done
