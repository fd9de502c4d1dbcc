"""Writes the operator suite of the onnx package as files: make_conformance.py FOLDER

    FOLDER/index.tsv                                      name, kind, folder of the case, rtol, atol
    FOLDER/KIND/NAME/model.onnx
    FOLDER/KIND/NAME/test_data_set_K/input_I.pb, output_I.pb

The layout of a case is the one of the package's own data folders. A file holds a TensorProto, a SequenceProto or an
OptionalProto, as the type of the graph's input or output says. `input_I` is the I-th graph input that no
initializer gives.
"""

import contextlib
import csv
import json
import os
import random
import shutil
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
from onnx import TensorProto, numpy_helper

PACKAGE_DATA = Path(onnx.backend.test.__file__).parent / "data"
# Its third folder, `simple`, holds what the package also computes (see `coded_cases`).
DATA_KINDS = ["pytorch-converted", "pytorch-operator"]

# A change here, or of the package, makes the suite anew.
STAMP = f"format 1, onnx {onnx.__version__}, numpy {np.__version__}\n"

RTOL = 1e-3
# The package asks for 1e-7, which float32 sums in another order cannot keep near zero.
ATOL = 1e-5


def write_value(path, value, value_info):
    """`value` is what the package's test cases hold: an array, a scalar, a list, None, or a TensorProto."""
    kind = value_info.type.WhichOneof("value")
    if isinstance(value, TensorProto):
        proto = value
    elif kind == "sequence_type":
        proto = numpy_helper.from_list(value, value_info.name)
    elif kind == "optional_type":
        proto = numpy_helper.from_optional(value, value_info.name)
    elif kind == "map_type":
        proto = numpy_helper.from_dict(value, value_info.name)
    else:
        proto = numpy_helper.from_array(np.asarray(value), value_info.name)
    path.write_bytes(proto.SerializeToString())


def free_inputs(graph):
    """The inputs that a caller gives; older models list their weights as inputs too."""
    weights = {initializer.name for initializer in graph.initializer}
    return [info for info in graph.input if info.name not in weights]


def write_case(folder, model, data_sets):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for index, (inputs, outputs) in enumerate(data_sets):
        data_set = folder / f"test_data_set_{index}"
        data_set.mkdir()
        for i, (value, info) in enumerate(zip(inputs, free_inputs(model.graph), strict=True)):
            write_value(data_set / f"input_{i}.pb", value, info)
        for i, (value, info) in enumerate(zip(outputs, model.graph.output, strict=True)):
            write_value(data_set / f"output_{i}.pb", value, info)


def coded_cases():
    """The cases that the package computes with numpy when it is asked: all of `node` and `simple`."""
    from onnx.backend.test.case.model import collect_testcases as collect_model_cases
    from onnx.backend.test.case.node import collect_testcases as collect_node_cases

    # Inputs are drawn from the global generators: seeded, every machine tests the same numbers.
    np.random.seed(0)
    random.seed(0)
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")  # Some cases are about overflow and division by zero.
        cases = collect_node_cases(None) + collect_model_cases()
    return [case for case in cases if case.kind in ("node", "simple")]


def write_coded_cases(top):
    for case in coded_cases():
        relative = f"{case.kind}/{case.name}"
        write_case(top / relative, case.model, case.data_sets)
        yield case.name, case.kind, relative, case.rtol, case.atol


def tolerances(folder):
    """A case of the data folders may bring its own."""
    try:
        own = json.loads((folder / "data.json").read_text())
    except FileNotFoundError:
        own = {}
    return own.get("rtol", RTOL), own.get("atol", ATOL)


def copy_data_cases(top):
    for kind in DATA_KINDS:
        for source in sorted((PACKAGE_DATA / kind).glob("*/model.onnx")):
            folder = source.parent
            relative = f"{kind}/{folder.name}"
            shutil.copytree(folder, top / relative)
            yield folder.name, kind, relative, *tolerances(folder)


def light_input(info):
    """The package ships no inputs for these networks: its runner makes them so (Runner.generate_dummy_data)."""
    shape = [d.dim_value or 1 for d in info.type.tensor_type.shape.dim]
    count = np.prod(shape)
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def write_light_cases(top):
    """Nine well-known image networks with made-up weights; their outputs lie beside them."""
    for source in sorted((PACKAGE_DATA / "light").glob("light_*.onnx")):
        model = onnx.load(source)
        name = f"test_{source.stem}"
        relative = f"light/{name}"
        data_set = top / relative / "test_data_set_0"
        data_set.mkdir(parents=True)
        shutil.copy(source, top / relative / "model.onnx")

        for i, info in enumerate(free_inputs(model.graph)):
            write_value(data_set / f"input_{i}.pb", light_input(info), info)
        for i in range(len(model.graph.output)):
            shutil.copy(source.with_name(f"{source.stem}_output_{i}.pb"), data_set / f"output_{i}.pb")
        yield name, "light", relative, RTOL, ATOL


def make_suite(top):
    rows = [*write_coded_cases(top), *copy_data_cases(top), *write_light_cases(top)]
    with open(top / "index.tsv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for name, kind, relative, rtol, atol in sorted(rows):
            writer.writerow([name, kind, relative, rtol, max(atol, ATOL)])


def print_counts(top):
    with open(top / "index.tsv", newline="") as file:
        kinds = Counter(row[1] for row in csv.reader(file, delimiter="\t"))
    print(f"{kinds.total():,} cases: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()))


def main(top):
    stamp = top / "stamp"
    if not stamp.exists() or stamp.read_text() != STAMP:
        unfinished = top.with_name(top.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(top, ignore_errors=True)
        make_suite(unfinished)
        (unfinished / "stamp").write_text(STAMP)
        os.replace(unfinished, top)
    print_counts(top)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
