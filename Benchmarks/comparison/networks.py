"""The networks that are compared, and where each comes from.

    prepare("resnet50") -> Path(".build-corpus/resnet50"), which then holds model.onnx and inputs.npz

The `light-…` ones are part of the onnx package. The others need the open corpus in ../shared/corpus: networks written
there, or structures that it fills with seeded weights, or sources of PyPI wheels, and inputs of the kind that each
was made for.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import minilm
import numpy as np
import onnx
import onnx.backend.test
from onnx import helper

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".build-corpus"
CORPUS = ROOT.parent / "shared" / "corpus"
LIGHT = Path(onnx.backend.test.__file__).parent / "data" / "light"


class Unavailable(Exception):
    """A network cannot be had here; the text says why."""


def prepare(name):
    """The folder with model.onnx and inputs.npz of a network, made if need be."""
    folder = FOLDER / name
    for file, write in [("model.onnx", NETWORKS[name]), ("inputs.npz", write_inputs)]:
        path = folder / file
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Renamed when complete, so that an interrupted run leaves no half of a file.
            partial = folder / f"partial-{file}"
            write(name, partial)
            partial.rename(path)
    return folder


def from_corpus(*parts):
    path = CORPUS.joinpath(*parts)
    if not path.exists():
        raise Unavailable(f"needs {Path('..') / path.relative_to(ROOT.parent)}")
    return path


# --- Models ---------------------------------------------------------------------------------------------------------


def copy_light(name, path):
    shutil.copyfile(LIGHT / f"{name.replace('-', '_', 1)}.onnx", path)


def copy_stored(name, path):
    shutil.copyfile(from_corpus("models", name, "model.onnx"), path)


def fill_structure(name, path):
    fill_weights, source = from_corpus("fill_weights.py"), from_corpus("structures", f"{name}.onnx")
    with tempfile.TemporaryDirectory() as folder:
        structure = Path(folder) / source.name
        structure.write_bytes(restored(source.read_bytes()))
        subprocess.run([sys.executable, fill_weights, structure, path], check=True)


def restored(data):
    """Some structures had a folder's name in their stack traces cut from ten characters to four ("LAB/"), which broke
    the lengths around it. Any ten characters will do."""
    try:
        onnx.load_model_from_string(data)
        return data
    except Exception:  # protobuf's own, whose place differs between its versions
        return data.replace(b"LAB/", b"LAB/LAB///")


def fetch_wheel(name, path):
    fetch_open = from_corpus("fetch_open.py")
    sources = json.loads(from_corpus("open_sources.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "sources.json"
        chosen.write_text(json.dumps([source for source in sources if source["id"] == name]))
        command = [sys.executable, fetch_open, chosen, folder]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            raise Unavailable(result.stdout.strip().splitlines()[-1])
        shutil.copyfile(Path(folder) / name / "model.onnx", path)


def write_minilm(_, path):
    minilm.write(path)


# --- Inputs ---------------------------------------------------------------------------------------------------------


def write_inputs(name, path):
    if not name.startswith("light-"):
        shutil.copyfile(from_corpus("models", name, "inputs.npz"), path)
        return
    graph = onnx.load(FOLDER / name / "model.onnx").graph
    weights = {initializer.name for initializer in graph.initializer}
    random = np.random.default_rng(0)
    arrays = {}
    for info in graph.input:
        if info.name not in weights:
            tensor = info.type.tensor_type
            shape = [extent.dim_value for extent in tensor.shape.dim]
            arrays[info.name] = random.random(shape).astype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    with open(path, "wb") as file:
        np.savez(file, **arrays)


NETWORKS = {
    "light-bvlc_alexnet": copy_light,
    "light-densenet121": copy_light,
    "light-inception_v1": copy_light,
    "light-inception_v2": copy_light,
    "light-resnet50": copy_light,
    "light-shufflenet": copy_light,
    "light-squeezenet": copy_light,
    "light-vgg19": copy_light,
    "light-zfnet512": copy_light,
    "resnet50": fill_structure,
    "mobilenetv3-large": fill_structure,
    "densenet121": fill_structure,
    "bert-base": fill_structure,
    "yolov8s-like": fill_structure,
    "whisper-tiny-encoder": fill_structure,
    "gpt2-mini-kv": fill_structure,
    "lstm-classifier": fill_structure,
    "espcn-superres": fill_structure,
    "minilm-fp32": write_minilm,
    "ppocr4-det": fetch_wheel,
    "ppocr4-rec": fetch_wheel,
    "silero-vad": fetch_wheel,
    "nsnet2-16k": fetch_wheel,
    "tumor-vgg16": fetch_wheel,
    "oskut-deepcut": fetch_wheel,
    "tiny-add": copy_stored,
}
