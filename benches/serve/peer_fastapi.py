"""The service that people write: FastAPI, Pillow, ONNX Runtime. MODEL.onnx comes from the environment."""

import io
import os

import numpy
import onnxruntime
from fastapi import FastAPI, Request
from PIL import Image

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("INTRA", "1"))
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
size = session.get_inputs()[0].shape[2]
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)[:, None, None]
DEVIATION = numpy.array([0.229, 0.224, 0.225], numpy.float32)[:, None, None]
app = FastAPI()


def classify(bytes):
    film = Image.open(io.BytesIO(bytes)).convert("L").resize((size, size), Image.BILINEAR)
    plane = numpy.asarray(film, numpy.float32) / 255
    film = ((numpy.broadcast_to(plane, (3, size, size)) - MEAN) / DEVIATION)[None].astype(numpy.float32)
    covid, other = session.run(None, {"film": film})[0][0]
    return {"Covid-19": float(covid), "Other": float(other)}


@app.post("/predict")
async def predict(request: Request):
    # Without a thread pool: with two workers on two cores it is faster (tried both).
    return classify(await request.body())
