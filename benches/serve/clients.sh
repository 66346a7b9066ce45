#!/usr/bin/env bash
# Other people's clients against the service: schemathesis tries everything that openapi.json allows, and more; tritonclient
# infers films and planes; both must find nothing wrong.
#   benches/serve/clients.sh FILM.png
set -euo pipefail
film=$(realpath "${1:?"usage: $0 FILM.png"}")
cd "$(dirname "$0")/../.."
. benches/python.sh
venv=target/bench-serve/clients
if [ ! -d $venv ]; then
    python=$(python_of_version 3.12)
    "$python" -m venv $venv
    $venv/bin/pip install --quiet schemathesis==4.32.5 'tritonclient[http]==2.73.0' numpy==2.5.5
fi
program=${PLAINFILM:-target/release/plainfilm}
[ -n "${PLAINFILM:-}" ] || cargo build --release --quiet --workspace --bins
address=127.0.0.1:8711
"$program" serve --listen $address >/dev/null 2>target/bench-serve/clients.log &
trap 'kill %1' EXIT
for _ in $(seq 100); do curl --silent --output /dev/null http://$address/ && break; sleep 0.2; done

$venv/bin/python - $address "$film" <<'P'
import sys
import numpy
import tritonclient.http as triton

client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("bundled")
described = client.get_model_metadata("bundled")
side = described["inputs"][1]["shape"][2]
film = open(sys.argv[2], "rb").read()
for binary in (True, False):
    planes = triton.InferInput("planes", [2, 1, side, side], "FP32")
    planes.set_data_from_numpy(numpy.random.default_rng(1).random((2, 1, side, side), numpy.float32), binary_data=binary)
    said = client.infer("bundled", [planes], request_id="7").as_numpy("probabilities")
    assert said.shape == (2, 2) and numpy.allclose(said.sum(axis=1), 1, atol=1e-6), said
    print("tritonclient: planes", "binary" if binary else "JSON", said.tolist())
films = triton.InferInput("film", [2], "BYTES")
films.set_data_from_numpy(numpy.array([film, film], object))
answer = client.infer("bundled", [films])
said = answer.as_numpy("probabilities")
assert (said[0] == said[1]).all(), said
print("tritonclient: films", said[0].tolist(), answer.as_numpy("label").tolist())
P
# Any bytes and any label fit the schema, and only films and labels that there are get an answer: that is no fault.
$venv/bin/schemathesis run http://$address/openapi.json --max-examples "${EXAMPLES:-30}" --seed 1 \
    --exclude-checks positive_data_acceptance
