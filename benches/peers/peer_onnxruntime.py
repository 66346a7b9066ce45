"""ONNX Runtime: forward with all graph optimisations and two threads."""

import onnxruntime

import networks

VERSION = onnxruntime.__version__
counted = None


def parameters():
    return counted


def variants(arguments):
    global counted
    assert (arguments.work, arguments.precision) == ("forward", "f32")
    counted = networks.parameters(arguments.network)
    path = networks.onnx_file(arguments.network, arguments.batch)
    films = networks.films(arguments.batch).numpy()

    def build():
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = 2
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name

        def step():
            session.run(None, {name: films})
            return arguments.batch

        return step

    return {"all optimisations": build}
