#!/usr/bin/env python3
"""Writes Tests/InterpreterTests/Images/ImageGoldens.swift from ONNX's reference implementation.

    pip install onnx==1.23.2 && scripts/python/image_goldens.py

Inputs are a formula of the element's position, so that only parameters and results are stored: one line for each case,
fields separated by semicolons.
"""
import pathlib
import random

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_grid_sample import GridSample

TYPES = {"float32": np.float32, "uint8": np.uint8, "int32": np.int32}


def numbers(shape, dtype="float32", seed=0):
    count = int(np.prod(shape))
    raw = (np.arange(count, dtype=np.int64) + seed) * 7919 % 101
    if dtype == "float32":
        return (raw.astype(np.float64) / 10 - 5).astype(np.float32).reshape(shape)
    return raw.astype(TYPES[dtype]).reshape(shape)


def run(op, inputs, opset=22, **attributes):
    names = [f"i{k}" if x is not None else "" for k, x in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], **attributes)
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, inputs) if x is not None
    ]
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    feeds = {n: x for n, x in zip(names, inputs) if x is not None}
    return ReferenceEvaluator(model).run(None, feeds)[0]


def text(values):
    return " ".join(f"{float(v):.6g}" for v in np.asarray(values).ravel())


def ints(values):
    return " ".join(str(int(v)) for v in values)


def resize_cases():
    pick = random.Random(1)
    lines = []
    coordinates = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                   "tf_crop_and_resize"]
    while len(lines) < 120:
        mode = pick.choice(["nearest", "linear", "cubic"])
        coordinate = coordinates[len(lines) % len(coordinates)]
        rank = pick.choice([1, 2, 2, 3])
        shape = [pick.randint(1, 6) for _ in range(rank)]
        axes = sorted(pick.sample(range(rank), pick.randint(1, rank)))
        dtype = pick.choice(["float32", "float32", "uint8"])
        antialias = int(mode != "nearest" and pick.random() < 0.3)
        exclude = int(mode != "nearest" and pick.random() < 0.3)
        rounding = pick.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
        aspect = pick.choice(["stretch", "stretch", "not_larger", "not_smaller"])
        a = pick.choice([-0.75, -0.5])
        sizes = pick.random() < 0.5
        roi = None
        if coordinate == "tf_crop_and_resize":
            roi = np.array([pick.choice([0, 0.2, -0.3]) for _ in axes] + [pick.choice([1, 0.7, 1.4]) for _ in axes],
                           np.float32)
        if sizes:
            parameters = np.array([pick.randint(1, 8) for _ in axes], np.int64)
        else:
            parameters = np.array([pick.choice([0.5, 0.6, 0.8, 1, 1.5, 2, 2.7]) for _ in axes], np.float32)
            aspect = "stretch"
        attributes = dict(mode=mode, coordinate_transformation_mode=coordinate, antialias=antialias,
                          exclude_outside=exclude, nearest_mode=rounding, cubic_coeff_a=a, axes=axes,
                          extrapolation_value=2.5)
        if sizes:
            attributes["keep_aspect_ratio_policy"] = aspect
        x = numbers(shape, dtype)
        try:
            y = run("Resize", [x, roi, None if sizes else parameters, parameters if sizes else None], **attributes)
        except Exception:
            continue
        if y.size == 0 or y.size > 60 or not np.isfinite(y.astype(np.float64)).all():
            continue
        lines.append(";".join([
            dtype, ints(shape), ints(axes), "sizes" if sizes else "scales", text(parameters),
            text(roi) if roi is not None else "", mode, coordinate, rounding, str(a), str(exclude), str(antialias),
            aspect, ints(y.shape), text(y)]))
    return lines


def to_last(x):
    return np.moveaxis(x, 1, -1)


def clamp_taps_only(self, value, low, high):
    """ONNX Runtime and PyTorch hold the taps of a cubic sample at the border, not its coordinate (a float)."""
    if isinstance(value, np.floating):
        return value
    return min(max(value, low), high)


def grid_cases():
    pick = random.Random(2)
    clamp = GridSample._clamp
    lines = []
    for index in range(54):
        mode = ["nearest", "linear", "cubic"][index % 3]
        padding = ["zeros", "border", "reflection"][index // 3 % 3]
        align = index // 9 % 2
        rank = pick.choice([1, 2, 2, 3])
        shape = [pick.randint(1, 2)] + [pick.randint(1, 3)] + [pick.randint(2, 5) for _ in range(rank)]
        out = [pick.randint(1, 3) for _ in range(rank)]
        x = numbers(shape)
        grid = (numbers([shape[0], *out, rank], seed=index) * np.float32(pick.choice([0.15, 0.2, 0.5]))).astype(np.float32)
        GridSample._clamp = clamp_taps_only if mode == "cubic" else clamp
        y = run("GridSample", [x, grid], mode=mode, padding_mode=padding, align_corners=align)
        lines.append(";".join([
            ints(shape), mode, padding, str(align), ints(grid.shape), text(grid), ints(to_last(y).shape),
            text(to_last(y))]))
    return lines


def roi_cases():
    pick = random.Random(3)
    lines = []
    for index in range(16):
        shape = [2, pick.randint(1, 3), pick.randint(2, 6), pick.randint(2, 6)]
        boxes = []
        for _ in range(3):
            x1, y1 = pick.uniform(-1, 3), pick.uniform(-1, 3)
            boxes.append([x1, y1, x1 + pick.uniform(0, 5), y1 + pick.uniform(0, 5)])
        boxes = np.round(np.array(boxes), 2).astype(np.float32)
        batch = np.array([pick.randint(0, 1) for _ in range(3)], np.int64)
        mode = ["avg", "max"][index % 2]
        half = index // 2 % 2
        ratio = pick.choice([0, 1, 2])
        scale = pick.choice([1.0, 0.5])
        height, width = pick.randint(1, 3), pick.randint(1, 3)
        y = run("RoiAlign", [numbers(shape), boxes, batch], mode=mode, output_height=height, output_width=width,
                sampling_ratio=ratio, spatial_scale=scale,
                coordinate_transformation_mode="half_pixel" if half else "output_half_pixel")
        lines.append(";".join([
            ints(shape), text(boxes), ints(batch), mode, str(half), str(ratio), str(scale), f"{height} {width}",
            ints(to_last(y).shape), text(to_last(y))]))
    return lines


def suppression_cases():
    pick = random.Random(4)
    lines = []
    for index in range(20):
        batches, classes, count = pick.randint(1, 2), pick.randint(1, 2), pick.randint(1, 8)
        boxes = np.round(np.array([[[pick.uniform(0, 3) for _ in range(4)] for _ in range(count)]
                                   for _ in range(batches)]), 2).astype(np.float32)
        # Few different scores, so that some are equal.
        scores = np.array([[[pick.randint(0, 5) / 8 for _ in range(count)] for _ in range(classes)]
                           for _ in range(batches)], np.float32)
        most, overlap, least = pick.randint(0, 4), pick.choice([0.0, 0.1, 0.3]), pick.choice([0.0, 0.25])
        y = run("NonMaxSuppression", [boxes, scores, np.array([most]), np.array([overlap], np.float32),
                                      np.array([least], np.float32)], center_point_box=index % 2)
        lines.append(";".join([
            str(index % 2), f"{batches} {classes} {count}", text(boxes), text(scores), str(most), str(overlap),
            str(least), ints(np.asarray(y).ravel())]))
    return lines


def main():
    out = pathlib.Path(__file__).parents[2] / "Tests/InterpreterTests/Images/ImageGoldens.swift"
    blocks = [
        ("resize", "type; shape; axes; kind; parameters; region; mode; coordinates; rounding; a; excludes outside; "
                   "antialias; aspect ratio; result shape; result", resize_cases()),
        ("gridSample", "[N, C, spatial…]; mode; padding; aligns corners; grid shape; grid; result shape; result",
         grid_cases()),
        ("roiAlign", "[N, C, H, W]; boxes; batch indices; mode; half pixel; sampling ratio; scale; height and width; "
                     "result shape; result", roi_cases()),
        ("nonMaxSuppression", "centre point box; B, C, N; boxes; scores; most; overlap; least; result",
         suppression_cases()),
    ]
    with out.open("w") as file:
        file.write("// Written by scripts/python/image_goldens.py from onnx 1.23.2: do not edit.\n// swift-format-ignore-file\n\n")
        file.write("/// Results of ONNX's reference implementation for operands that `golden(_:_:)` makes.\n")
        file.write("enum ImageGoldens {\n")
        for index, (name, fields, lines) in enumerate(blocks):
            if index:
                file.write("\n")
            file.write(f"  /// {fields}\n  static let {name} = \"\"\"\n")
            file.writelines(f"    {line}\n" for line in lines)
            file.write("    \"\"\"\n")
        file.write("}\n")
    print(out, out.stat().st_size)


main()
