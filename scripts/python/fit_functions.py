"""Fits the polynomials of Sources/X86/Maths and writes them as a Swift file.

    fit_functions.py FILE.swift

Each polynomial is a least-squares fit on Chebyshev points, which comes close to the minimax fit, weighted by what an
error of it does to the function's relative error. Its coefficients are rounded one after the other, those of low order
first, and the rest is fitted again after each: the later ones make up for the rounding of the earlier ones. The errors
in the comments are the largest of the rounded polynomials in exact arithmetic; what the generated code reaches is
measured by Tests/X86Tests/Maths.
"""

import struct
import sys

import mpmath
import numpy
from mpmath import mpf

mpmath.mp.prec = 320
GRID = 600


def to_single(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def to_double(x):
    return mpf(float(x))


def chebyshev_grid(low, high):
    """Points of [low, high], denser at the ends, so that least squares keep the error even."""
    return [(low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / (GRID - 1)) for i in range(GRID)]


class Problem:
    """weight(x)·(polynomial(x) − function(x)) is to be small on [low, high]."""

    def __init__(self, function, weight, low, high):
        points = chebyshev_grid(mpf(low), mpf(high))
        self.points = numpy.array(points, dtype=object)
        self.values = numpy.array([function(x) for x in points], dtype=object)
        self.weights = numpy.array([weight(x) for x in points], dtype=object)

    def errors(self, coefficients):
        total = numpy.full(GRID, mpf(0), dtype=object)
        for coefficient in reversed(coefficients):
            total = total * self.points + coefficient
        return (total - self.values) * self.weights

    def fit(self, fixed, degree):
        """The least-squares polynomial whose first coefficients are `fixed`."""
        first, unknowns = len(fixed), degree + 1 - len(fixed)
        matrix = mpmath.matrix(unknowns, unknowns)
        right = mpmath.matrix(unknowns, 1)
        columns = [self.weights * self.points ** (first + i) for i in range(unknowns)]
        rest = -numpy.array(self.errors(fixed), dtype=object)
        for i in range(unknowns):
            right[i] = (columns[i] * rest).sum()
            for j in range(unknowns):
                matrix[i, j] = (columns[i] * columns[j]).sum()
        # The normal equations lose half of the digits, of which there are plenty.
        solution = mpmath.lu_solve(matrix, right)
        return list(fixed) + [solution[i] for i in range(unknowns)]

    def rounded(self, degree, rounding, fixed=()):
        fixed = list(fixed)
        while len(fixed) <= degree:
            fixed.append(rounding(self.fit(fixed, degree)[len(fixed)]))
        return fixed, max(abs(e) for e in self.errors(fixed))


# Limits that stay finite where a quotient is 0/0: a few terms of the series are exact to the working precision there.
def quotient(function, series, power, threshold="1e-9"):
    """x ↦ function(x) / x^power, by its series at 0."""

    def value(x):
        if abs(x) < mpf(threshold):
            return sum((mpf(c) * x**i for i, c in enumerate(series)), mpf(0))
        return function(x) / x**power

    return value


class Output:
    def __init__(self):
        self.lines = [
            "// Written by scripts/fit_functions. Do not edit.",
            "// swift-format-ignore-file",
            "",
            "/// Coefficients are in ascending order. The error is that of the rounded polynomial, relative to the function.",
            "enum Coefficients {",
        ]

    def add(self, name, kind, values, comment):
        if self.lines[-1] != "enum Coefficients {":
            self.lines.append("")
        self.lines += ["  /// " + line for line in comment.split("\n")]
        texts = [literal(v, kind) for v in values]
        self.lines.append(f"  static let {name}: [{kind}] = [")
        for start in range(0, len(texts), 4):
            self.lines.append("    " + " ".join(t + "," for t in texts[start : start + 4]))
        self.lines.append("  ]")
        print(f"{name}: {comment}", file=sys.stderr)

    def add_constant(self, name, kind, value, comment):
        if self.lines[-1] != "enum Coefficients {":
            self.lines.append("")
        self.lines += [f"  /// {comment}", f"  static let {name}: {kind} = {literal(value, kind)}"]


def literal(value, kind):
    """The shortest decimal that reads as the same number."""
    if kind == "UInt32":
        return f"0x{value:08x}"
    if kind == "Float":
        text = str(numpy.float32(float(value)))
    else:
        text = repr(float(value))
    return text if any(c in text for c in ".e") else text + ".0"


def error_text(error):
    return f"error 2^{float(mpmath.log(error, 2)):.1f}"


def head(value, bits):
    """The value rounded to so many significant bits."""
    exponent = mpmath.floor(mpmath.log(abs(value), 2)) + 1 - bits
    return mpmath.nint(value / mpf(2) ** exponent) * mpf(2) ** exponent


def truncated(value, bits):
    exponent = mpmath.floor(mpmath.log(abs(value), 2)) + 1 - bits
    return mpmath.floor(value / mpf(2) ** exponent) * mpf(2) ** exponent


def exponentials(output):
    # n = round(x·log2 e) leaves a little more than ln 2 / 2.
    bound = mpf("0.3467")
    series = [1 / mpmath.factorial(i + 2) for i in range(8)]
    tail = quotient(lambda r: mpmath.expm1(r) - r, series, 2)
    problem = Problem(tail, lambda r: r**2 / mpmath.exp(r), -bound, bound)
    values, error = problem.rounded(4, to_single)
    output.add("exponential", "Float", values, f"e^r ≈ 1 + r + r²·p(r), |r| ≤ ln 2 / 2; {error_text(error)}")

    problem = Problem(tail, lambda r: abs(r**2 / mpmath.expm1(r)) if r else mpf(0), -bound, bound)
    values, error = problem.rounded(5, to_single)
    output.add("exponentialMinusOne", "Float", values, f"e^r − 1 ≈ r + r²·p(r), |r| ≤ ln 2 / 2; {error_text(error)}")

    ln2 = mpmath.log(2)
    # |n| < 2^8, so that n·high is exact in 24 bits and x − n·high, too.
    high = truncated(ln2, 15)
    output.add_constant("ln2High", "Float", high, "ln 2 to 15 bits: its product with an exponent is exact.")
    output.add_constant("ln2Low", "Float", to_single(ln2 - high), "ln 2 − ln2High, positive")
    output.add_constant("log2E", "Float", to_single(1 / ln2), "log2 e")


def logarithms(output):
    series = [mpf((-1) ** i) / (i + 3) for i in range(10)]
    tail = quotient(lambda r: mpmath.log1p(r) - r + r**2 / 2, series, 3)
    weight = lambda r: abs(r**3 / mpmath.log1p(r)) if r else mpf(0)
    problem = Problem(tail, weight, "-0.25", "0.5")
    values, error = problem.rounded(8, to_single)
    output.add("logarithm", "Float", values, f"log(1 + r) ≈ r − r²/2 + r³·p(r), −1/4 ≤ r ≤ 1/2; {error_text(error)}")


def best_step(ratio, count, bound):
    """The distance of the centres, 8 bits and a few more, whose coefficients of order 0 lose least by their rounding. The
    last one must be rounded up, so that what lies beyond the bound becomes 1."""

    def loss(step):
        exact = [ratio(step * i) for i in range(count)]
        losses = [(to_single(value) - value) / value for value in exact]
        return max(map(abs, losses)) if losses[-1] > 0 else mpf(1)

    # Half a step beyond the last centre reaches the bound.
    first = int(mpmath.ceil(bound / (count - mpf("0.5")) * 4096))
    return min((mpf(i) / 4096 for i in range(first, first + 80)), key=loss)


def sigmoids(output):
    """Odd functions that are flat from some point on: ratio(x) = f(x)/x by a table of polynomials."""
    scale = 2 / mpmath.sqrt(mpmath.pi)
    error_ratio = lambda x: scale if x == 0 else mpmath.erf(x) / x
    tangent_ratio = lambda x: mpf(1) if x == 0 else mpmath.tanh(x) / x
    error_bound, tangent_bound = mpf("4.03"), mpf("9.4")
    for name, text, ratio, bound, count, degree in (
        ("errorFunction16", "erf", error_ratio, error_bound, 16, 5),
        ("errorFunction8", "erf", error_ratio, error_bound, 8, 7),
        ("hyperbolicTangent16", "tanh", tangent_ratio, tangent_bound, 16, 7),
    ):
        step = best_step(ratio, count, bound)
        tables = []
        worst = mpf(0)
        for index in range(count):
            centre = index * step
            low = -step / 2 if index else mpf(0)
            problem = Problem(lambda r: ratio(centre + r), lambda r: 1 / ratio(centre + r), low, step / 2)
            values, error = problem.rounded(degree, to_single)
            tables.append(values)
            worst = max(worst, error)
        columns = [tables[i][d] for d in range(degree + 1) for i in range(count)]
        output.add(
            name, "Float", columns,
            f"{text}(x) / x ≈ p(x − {literal(step, 'Float')}·i), i the nearest integer below {count}: {count} coefficients of\n"
            f"order 0, {count} of order 1, … {degree}; {error_text(worst)}, most of it in order 0",
        )
        output.add_constant(name + "Step", "Float", step, "The distance of the centres")
    output.add_constant("errorFunctionBound", "Float", error_bound, "erf rounds to 1 long before.")
    output.add_constant("hyperbolicTangentBound", "Float", tangent_bound, "tanh rounds to 1 long before.")

    series = [mpf(-1) / 3, mpf(2) / 15, mpf(-17) / 315]
    root = mpmath.sqrt
    tail = quotient(lambda z: mpmath.tanh(root(z)) / root(z) - 1, series, 1, "1e-18")
    problem = Problem(tail, lambda z: z * root(z) / mpmath.tanh(root(z)) if z else mpf(0), 0, mpf("0.45") ** 2)
    values, error = problem.rounded(3, to_single)
    output.add("hyperbolicTangent", "Float", values, f"tanh x ≈ x + x³·p(x²), |x| ≤ 0.45; {error_text(error)}")

    series = [mpf(1) / 6, mpf(1) / 120, mpf(1) / 5040]
    tail = quotient(lambda z: mpmath.sinh(root(z)) / root(z) - 1, series, 1, "1e-18")
    problem = Problem(tail, lambda z: z * root(z) / mpmath.sinh(root(z)) if z else mpf(0), 0, 1)
    values, error = problem.rounded(3, to_single)
    output.add("hyperbolicSine", "Float", values, f"sinh x ≈ x + x³·p(x²), |x| ≤ 1; {error_text(error)}")


def circular(output):
    bound = mpmath.pi / 4 * mpf("1.04")
    odd = [mpf((-1) ** (i + 1)) / mpmath.factorial(2 * i + 3) for i in range(8)]
    even = [mpf((-1) ** i) / mpmath.factorial(2 * i + 4) for i in range(8)]
    root = mpmath.sqrt
    sine = quotient(lambda z: mpmath.sin(root(z)) / root(z) - 1, odd, 1, "1e-18")
    cosine = quotient(lambda z: mpmath.cos(root(z)) - 1 + z / 2, even, 2, "1e-12")
    sine_problem = Problem(sine, lambda z: z * root(z) / mpmath.sin(root(z)) if z else mpf(0), 0, bound**2)
    cosine_problem = Problem(cosine, lambda z: z**2 / mpmath.cos(root(z)), 0, bound**2)
    for suffix, kind, rounding, degree in (("", "Float", to_single, 2), ("Double", "Double", to_double, 3)):
        values, error = sine_problem.rounded(degree, rounding)
        output.add("sine" + suffix, kind, values, f"sin r ≈ r + r³·p(r²), |r| ≤ π/4 and a little; {error_text(error)}")
        values, error = cosine_problem.rounded(degree, rounding)
        output.add("cosine" + suffix, kind, values, f"cos r ≈ 1 − r²/2 + r⁴·p(r²), |r| ≤ π/4 and a little; {error_text(error)}")

    half_pi = mpmath.pi / 2
    parts = []
    for _ in range(3):
        parts.append(to_single(half_pi - sum(parts)))
    output.add("halfPiParts", "Float", parts, "π/2 as a sum")
    parts = []
    for _ in range(2):
        parts.append(to_double(half_pi - sum(parts)))
    output.add("halfPiPartsDouble", "Double", parts, "π/2 as a sum")
    # For Payne and Hanek's reduction: x·2/π modulo 4 takes the bits from weight 2 downwards of 2^e·2/π.
    bits = int(mpmath.floor(2 / mpmath.pi * mpf(2) ** 224))
    words = [bits >> (32 * (7 - i)) & 0xFFFFFFFF for i in range(8)]
    output.add("twoOverPiBits", "UInt32", words, "32 zero bits, then the first 224 bits of 2/π = 0.…")
    output.add_constant("twoOverPi", "Float", to_single(2 / mpmath.pi), "2/π")
    output.add_constant("twoOverPiDouble", "Double", to_double(2 / mpmath.pi), "2/π")


def inverse_circular(output):
    root = mpmath.sqrt
    series = [mpf(1) / 6, mpf(3) / 40, mpf(15) / 336]
    tail = quotient(lambda z: mpmath.asin(root(z)) / root(z) - 1, series, 1, "1e-18")
    problem = Problem(tail, lambda z: z * root(z) / mpmath.asin(root(z)) if z else mpf(0), 0, "0.25")
    values, error = problem.rounded(4, to_single)
    output.add("arcSine", "Float", values, f"asin x ≈ x + x³·p(x²), |x| ≤ 1/2; {error_text(error)}")

    series = [mpf(-1) / 3, mpf(1) / 5, mpf(-1) / 7]
    tail = quotient(lambda z: mpmath.atan(root(z)) / root(z) - 1, series, 1, "1e-18")
    problem = Problem(tail, lambda z: z * root(z) / mpmath.atan(root(z)) if z else mpf(0), 0, 1)
    values, error = problem.rounded(8, to_single)
    output.add("arcTangent", "Float", values, f"atan x ≈ x + x³·p(x²), |x| ≤ 1; {error_text(error)}")


def powers(output):
    # log2 m = 2/ln 2 · atanh s, s = (m − 1) / (m + 1), 3/4 ≤ m < 3/2.
    bound = mpf("0.2")
    root = mpmath.sqrt
    series = [mpf(2) / ((2 * i + 1) * mpmath.log(2)) for i in range(4)]
    ratio = quotient(lambda z: 2 * mpmath.atanh(root(z)) / root(z) / mpmath.log(2), series, 0, "1e-30")
    problem = Problem(ratio, lambda z: 1 / ratio(z), 0, bound**2)
    values, error = problem.rounded(4, to_double)
    output.add("binaryLogarithmDouble", "Double", values, f"log2 m ≈ s·p(s²), s = (m − 1)/(m + 1), |s| ≤ 1/5; {error_text(error)}")

    problem = Problem(lambda r: mpf(2) ** r, lambda r: mpf(2) ** -r, "-0.5", "0.5")
    values, error = problem.rounded(7, to_double, [mpf(1)])
    output.add("binaryExponentialDouble", "Double", values, f"2^r ≈ p(r), |r| ≤ 1/2; {error_text(error)}")


def main():
    output = Output()
    exponentials(output)
    logarithms(output)
    sigmoids(output)
    circular(output)
    inverse_circular(output)
    powers(output)
    with open(sys.argv[1], "w") as file:
        file.write("\n".join(output.lines + ["}", ""]))


main()
