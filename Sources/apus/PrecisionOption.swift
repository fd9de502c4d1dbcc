import ArgumentParser
import Engine

extension Precision: ExpressibleByArgument {}

/// How exactly models are calculated.
struct PrecisionOption: ParsableArguments {
  @Option(
    name: .customLong("precision"),
    help: ArgumentHelp(
      "What float32 models are calculated in: float32, fast or bfloat16 (default: float32).",
      discussion: """
        bfloat16 rounds what is multiplied to 8 bits, where the CPU multiplies that faster; fast rounds it to 16. Sums \
        are float32 always. A precision that the CPU has nothing for runs as float32: inspect tells.
        """))
  var chosen: Precision?

  var precision: Precision { chosen ?? .float32 }
}
