"""The network of a plainfilm model file as ONNX, so that the peer computes the very same one.

usage: onnx_file.py MODEL.plainfilm.safetensors OUT.onnx   (DarkCovidNet with a linear head)
"""

import json
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

MODEL, OUT = sys.argv[1:3]

with safe_open(MODEL, "numpy") as file:
    header = json.loads(file.metadata()["plainfilm"])
    tensors = {name: file.get_tensor(name).astype(numpy.float32) for name in file.keys()}

assert header["network"]["architecture"] == "darkcovidnet", header["network"]
size, channels = header["network"]["size"], header["network"]["channels"]
nodes, weights = [], []


def weight(name):
    weights.append(numpy_helper.from_array(tensors[name], name))
    return name


last = "film"
stages = sorted({name.split(".")[0] for name in tensors if name.startswith("stage")})
for stage in stages:
    layers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith(stage + ".")})
    for layer in layers:
        here = f"{stage}.{layer}"
        kernel = tensors[f"{here}.conv.weight"].shape[2]
        nodes.append(
            helper.make_node(
                "Conv", [last, weight(f"{here}.conv.weight")], [f"{here}.c"], kernel_shape=[kernel, kernel], pads=[1, 1, 1, 1]
            )
        )
        scale = [weight(f"{here}.bn.{name}") for name in ("weight", "bias", "running_mean", "running_var")]
        nodes.append(helper.make_node("BatchNormalization", [f"{here}.c", *scale], [f"{here}.b"], epsilon=1e-5))
        nodes.append(helper.make_node("LeakyRelu", [f"{here}.b"], [f"{here}.a"], alpha=0.1))
        last = f"{here}.a"
    # Every stage but the last two ends in a pool, as in the published network.
    if stage in ("stage1", "stage2", "stage3", "stage4", "stage5"):
        nodes.append(helper.make_node("MaxPool", [last], [f"{stage}.p"], kernel_shape=[2, 2], strides=[2, 2]))
        last = f"{stage}.p"
nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
nodes.append(helper.make_node("Flatten", ["pooled"], ["features"]))
nodes.append(helper.make_node("Gemm", ["features", weight("head.output.weight"), weight("head.output.bias")], ["logits"], transB=1))
nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
graph = helper.make_graph(
    nodes,
    "darkcovidnet",
    [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["films", channels, size, size])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["films", len(header["labels"])])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
model.ir_version = 10
onnx.checker.check_model(model, full_check=True)
onnx.save(model, OUT)
