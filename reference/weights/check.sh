#!/usr/bin/env bash
# Full-size files of Keras, torchvision and timm, imported and compared; by hand, see README.md.
# Usage: reference/weights/check.sh FOLDER_OF_covid-xray FOLDER_FOR_1.5_GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
films=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")

[ -d "$work/keras" ] || python3.12 -m venv "$work/keras"
"$work/keras/bin/pip" install --quiet -r "$here/requirements-keras.txt"
[ -d "$work/torch" ] || python3.10 -m venv "$work/torch"
"$work/torch/bin/pip" install --quiet -r "$here/requirements-torch.txt"

lite0=$(find "$work/torch" -name 'efficientnet-lite0-*.pth' | head -1)
"$work/torch/bin/python" "$here/check_torch.py" "$films" "$work/files" "$lite0"
"$work/keras/bin/python" "$here/check_keras.py" "$films" "$work/files"

cd "$here/../.."
PLAINFILM_WEIGHTS_CHECK="$work/files" PLAINFILM_LITE0="$lite0" PLAINFILM_DATA="$films" \
    cargo test --workspace --test all -- --nocapture weights::
