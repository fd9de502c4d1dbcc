"""The entry script that the peer serves: as its documentation writes one for an ONNX model."""

import os

import numpy as np
import onnxruntime
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema

session = None


def init():
    global session
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # A second thread could only get in the way of so small a model.
    model = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.onnx")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@input_schema("data", NumpyParameterType(np.zeros((1, 10), np.float32)))
@output_schema(NumpyParameterType(np.zeros((1, 1), np.float32)))
def run(data):
    return session.run(None, {"features": data})[0].tolist()
