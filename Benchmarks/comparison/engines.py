"""The process of one engine with one network, driven line by line; worker.py has the words."""

import select
import subprocess
import sys
import tempfile
from pathlib import Path

WORKER = Path(__file__).parent / "worker.py"
# Loading a large network, or a burst in the interpreter, may take long.
ANSWER_SECONDS = 600


class EngineFailure(Exception):
    """The engine cannot load or run the network; the text is its last line on standard error."""


class Engine:
    def __init__(self, name, apus, folder, threads, precision="float32"):
        model, inputs = folder / "model.onnx", folder / "inputs.npz"
        if name == "apus":
            command = [apus, "bench", model, "--inputs", inputs, "--threads", str(threads), "--interactive"]
            command += ["--precision", precision]
        else:
            command = [sys.executable, WORKER, name, model, inputs, str(threads), precision]
        self.name = name
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1
        )
        self.load_nanoseconds, self.foreign_bytes = (int(word) for word in self.answer()[1:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def run(self, count):
        """Nanoseconds of that many inferences, one after the other."""
        return [int(word) for word in self.ask(f"run {count}")]

    def write_outputs(self, path):
        self.ask(f"write {path}")

    def peak_bytes(self):
        """The most memory that the process had at a time, without Python's and NumPy's, which are not the engine's."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(kibibytes) * 1024 - self.foreign_bytes

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
        except BrokenPipeError:
            raise self.failure() from None
        return self.answer()

    def answer(self):
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            self.process.kill()
            raise EngineFailure(f"no answer within {ANSWER_SECONDS} s")
        words = self.process.stdout.readline().split()
        if not words:
            raise self.failure()
        return words

    def failure(self):
        code = self.process.wait()
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return EngineFailure(lines[-1] if lines else f"ended with {code}")
