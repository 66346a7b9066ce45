#!/usr/bin/env bash
# Full-size files of Keras, torchvision and timm, imported and compared; by hand, see README.md.
# Usage: reference/weights/check.sh FOLDER_OF_covid-xray FOLDER_FOR_1.5_GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
films=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")

. "$here/../../benches/python.sh"
if [ ! -d "$work/keras" ]; then
    python=$(python_of_version 3.12 PYTHON_KERAS)
    "$python" -m venv "$work/keras"
fi
"$work/keras/bin/pip" install --quiet -r "$here/requirements-keras.txt"
if [ ! -d "$work/torch" ]; then
    python=$(python_of_version 3.10 PYTHON_TORCH)
    "$python" -m venv "$work/torch"
fi
"$work/torch/bin/pip" install --quiet -r "$here/requirements-torch.txt"

lite0=$(find "$work/torch" -name 'efficientnet-lite0-*.pth' | head -1)
"$work/torch/bin/python" "$here/check_torch.py" "$films" "$work/files" "$lite0"
"$work/keras/bin/python" "$here/check_keras.py" "$films" "$work/files"

cd "$here/../.."
PLAINFILM_WEIGHTS_CHECK="$work/files" PLAINFILM_LITE0="$lite0" PLAINFILM_DATA="$films" \
    cargo test --workspace --test all -- --nocapture weights::
