"""A network in float64: what its float32 form would give if nothing but its weights were rounded."""

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

# Operands that are float32 whatever the type of the data is.
FLOAT32_OPERANDS = {"Resize": [1, 2], "Upsample": [1]}


def widened(model):
    """A copy of the model, whose float32 inputs, weights and outputs are float64."""
    if model.functions:
        raise ValueError("functions are not widened")
    result = onnx.ModelProto()
    result.CopyFrom(model)
    widen_graph(result.graph)
    return result


def widened_inputs(arrays):
    return {name: widened_array(array) for name, array in arrays.items()}


def widened_array(array):
    return array.astype(np.float64) if array.dtype == np.float32 else array


def widen_graph(graph):
    for tensor in graph.initializer:
        widen_tensor(tensor)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        widen_type(value.type)
    nodes = list(graph.node)
    del graph.node[:]
    for index, node in enumerate(nodes):
        for attribute in node.attribute:
            widen_attribute(attribute)
        if node.op_type == "ConstantOfShape" and not node.attribute:
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))
        for position in FLOAT32_OPERANDS.get(node.op_type, []):
            if position < len(node.input) and node.input[position]:
                name = f"{node.input[position]}/{index}/float32"
                graph.node.append(helper.make_node("Cast", [node.input[position]], [name], to=TensorProto.FLOAT))
                node.input[position] = name
        graph.node.append(node)


def widen_tensor(tensor):
    if tensor.data_type == TensorProto.FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(widened_array(numpy_helper.to_array(tensor)), tensor.name))


def widen_type(kind):
    match kind.WhichOneof("value"):
        case "tensor_type" if kind.tensor_type.elem_type == TensorProto.FLOAT:
            kind.tensor_type.elem_type = TensorProto.DOUBLE
        case "sequence_type":
            widen_type(kind.sequence_type.elem_type)
        case "optional_type":
            widen_type(kind.optional_type.elem_type)


def widen_attribute(attribute):
    match attribute.type:
        case AttributeProto.TENSOR:
            widen_tensor(attribute.t)
        case AttributeProto.GRAPH:
            widen_graph(attribute.g)
        case AttributeProto.INT if attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
        case AttributeProto.FLOAT | AttributeProto.FLOATS if attribute.name in ("value_float", "value_floats"):
            values = np.array(helper.get_attribute_value(attribute), np.float64)
            attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(values)))
