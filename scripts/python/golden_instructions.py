"""Compares the assembler's bytes with llvm-mc's and writes the golden files of Tests/Fixtures/X86.

    golden_instructions.py CASES_FOLDER [GOLDEN_FOLDER]

CASES_FOLDER holds `*.cases`, lines of `position mnemonic<TAB>text<TAB>bytes`, written by the tests when APUS_X86_CASES
names a folder. Bytes that differ from llvm-mc's are accepted where llvm-mc disassembles both to the same text: some
instructions have two encodings.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ATTRIBUTES = "+".join(
    ["", "avx2,", "fma,", "f16c,", "bmi,", "bmi2,", "lzcnt,", "popcnt,", "prfchw,", "avxvnni,", "avx512f,", "avx512bw,"]
    + ["avx512dq,", "avx512vl,", "avx512vnni,", "avx512bf16,", "avx512fp16,", "avx512vbmi,", "avx512vbmi2,"]
    + ["amx-tile,", "amx-int8,", "amx-bf16"]
)
LLVM_MC = ["llvm-mc", "-triple=x86_64", f"-mattr={ATTRIBUTES}", "-output-asm-variant=1"]


def assemble(texts):
    """The bytes of each Intel text, or the error message."""
    source = ".intel_syntax noprefix\n" + "\n".join(texts) + "\n"
    run = subprocess.run([*LLVM_MC, "-show-encoding"], input=source, capture_output=True, text=True)
    errors = {int(m[1]) - 2: m[2] for m in re.finditer(r"<stdin>:(\d+):\d+: error: (.*)", run.stderr)}
    encodings = iter(re.findall(r"encoding: \[(.*?)\]", run.stdout))
    return [errors.get(i) or next(encodings).replace("0x", "").replace(",", "") for i in range(len(texts))]


def disassemble(encodings):
    """The text of each encoding; each is one line of input and must be one line of output."""
    lines = [" ".join("0x" + e[i : i + 2] for i in range(0, len(e), 2)) for e in encodings]
    run = subprocess.run([*LLVM_MC, "--disassemble"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    return [line.split("#")[0].strip() for line in run.stdout.splitlines() if line.startswith("\t") and ".text" not in line]


def second_opinion(encoding):
    """What objdump reads in the bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes.fromhex(encoding) + b"\x90" * 16)
        file.flush()
        command = ["objdump", "-D", "-b", "binary", "-mi386:x86-64", "-Mintel", "--no-show-raw-insn", file.name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.search(r"^\s+0:\s+(.*)$", output, re.MULTILINE)[1].strip()


def fnv1a(lines):
    state = 0xCBF29CE484222325
    for byte in "".join(line + "\n" for line in lines).encode():
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{state:x}"


def check(name, cases):
    """How many bytes are another encoding of the same instruction, and the failures."""
    found = assemble([text for _, text, _ in cases])
    differing = [(text, ours, theirs) for (_, text, ours), theirs in zip(cases, found) if ours != theirs]
    failures, others = [], 0
    for text, ours, theirs in differing:
        if not re.fullmatch(r"[0-9a-f]+", theirs):
            failures.append((text, ours, theirs))
    candidates = [d for d in differing if re.fullmatch(r"[0-9a-f]+", d[2])]
    ours_text = disassemble([ours for _, ours, _ in candidates])
    theirs_text = disassemble([theirs for _, _, theirs in candidates])
    if len(ours_text) != len(candidates) or len(theirs_text) != len(candidates):
        failures += [(t, o, x + " (or one near it does not disassemble)") for t, o, x in candidates]
    else:
        for candidate, mine, other in zip(candidates, ours_text, theirs_text):
            # llvm-mc 14 reads the displacement of EVEX `vmovq m64, xmm` (opcode 7E) in steps of 16; they are of 8.
            if mine.replace("movabs", "mov") == other.replace("movabs", "mov") or (
                second_opinion(candidate[1]) == second_opinion(candidate[2])
            ):
                others += 1
            else:
                failures.append((candidate[0], candidate[1], f"{candidate[2]}: {mine} | {other}"))
    print(f"{name}: {len(cases)} cases, {others} in another encoding of the same, {len(failures)} wrong")
    for failure in failures[:12]:
        print("   ", *failure)
    return failures


def write_golden(path, cases):
    groups = []
    for case in cases:
        if not groups or groups[-1][0][0] != case[0]:
            groups.append([])
        groups[-1].append(case)
    lines = []
    for group in groups:
        encoded = [f"{text}\t{encoding}" for _, text, encoding in group]
        lines.append(f"# {group[0][0].split()[1]} {len(group)} {fnv1a(encoded)}")
        lines += encoded[:: max(1, len(group) // 8)]
    path.write_text("\n".join(lines) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    failed = 0
    for path in sorted(folder.glob("*.cases")):
        cases = [tuple(line.split("\t")) for line in path.read_text().splitlines()]
        failures = check(path.stem, cases)
        failed += len(failures)
        if len(sys.argv) > 2 and not failures and cases:
            write_golden(pathlib.Path(sys.argv[2]) / f"{path.stem}.txt", cases)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
