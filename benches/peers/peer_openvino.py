"""OpenVINO: forward in float32 or bfloat16, for latency (one request) or throughput (its own number of
streams)."""

import openvino

import networks

VERSION = openvino.__version__.split("-")[0]
counted = None


def parameters():
    return counted


def variants(arguments):
    global counted
    assert arguments.work == "forward"
    counted = networks.parameters(arguments.network)
    core = openvino.Core()
    model = core.read_model(networks.onnx_file(arguments.network, arguments.batch))
    films = networks.films(arguments.batch).numpy()

    def build(hint):
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": hint,
                "INFERENCE_PRECISION_HINT": arguments.precision,
                "INFERENCE_NUM_THREADS": 2,
            },
        )
        requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") if hint == "THROUGHPUT" else 1
        queue = openvino.AsyncInferQueue(compiled, requests)

        def step():
            for _ in range(2 * requests):
                queue.start_async({0: films})
            queue.wait_all()
            return 2 * requests * arguments.batch

        return step

    return {hint.lower(): (lambda hint=hint: build(hint)) for hint in ("LATENCY", "THROUGHPUT")}
