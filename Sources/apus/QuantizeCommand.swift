import ArgumentParser
import Engine
import FoundationEssentials
import Glibc
import ONNXFrontend
import Quantizer
import Serving
import Tensors

extension RangeMethod: ExpressibleByArgument {}

struct QuantizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Makes a model of 8-bit integers from a float32 one.",
    discussion: """
      Runs the model on the calibration data to see what values its activations take, and writes a standard ONNX file \
      whose convolutions and products with constant weights stand between DequantizeLinear and QuantizeLinear. Then \
      compares both models on the same data.

      The calibration data are arrays by the names of the inputs, as numpy.savez writes them, with the rows along the \
      first axis; a hundred typical ones do. Arrays named like outputs are the right answers: labels, or scores whose \
      largest is the class.
      """
  )

  @Argument(help: "An .onnx file, or a folder with model.onnx.")
  var model: String

  @Option(help: ArgumentHelp("Typical inputs.", valueName: "file.npz"))
  var calibration: String

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write the model.", valueName: "file.onnx"))
  var output: String

  @Option(help: "How to choose the range of an activation: minmax or entropy.")
  var ranges = RangeMethod.minmax

  @Option(help: "Threads that one run may use.")
  var threads = 1

  func run() throws {
    let threads = try ServeCommand.check(threads, 1...1024, "--threads")
    let model = try Model.load(model)
    let data: CalibrationData
    let result: Quantizer.Result
    do {
      data = try CalibrationData(InputValues.readArchive(calibration), for: model)
      result = try Quantizer(method: ranges, threadCount: threads).quantize(ONNXModel(path: model.path), with: data)
    } catch let error as CommandFailure {
      throw error
    } catch let error as ONNXError {
      throw CommandFailure(.model, "\(error)")
    } catch {
      throw CommandFailure(.data, "\(error)")
    }
    do {
      try Data(result.bytes).write(to: URL(fileURLWithPath: output), options: .atomic)
    } catch {
      let cause = (error as? CocoaError)?.underlying as? POSIXError
      let reason = cause.map { String(cString: strerror($0.code.rawValue)) } ?? "\(error)"
      throw CommandFailure(.cannotCreate, "cannot write \(output): \(reason)")
    }
    print("\(result.productCount) of \(result.candidateCount) products are of integers now")
    let quantized = try Model.load(output)
    print(try Self.text(Comparison(model, quantized, on: data, threadCount: threads), rows: data.runs.count))
  }

  private static func text(_ comparison: Comparison, rows: Int) -> String {
    func number(_ value: Double, _ digits: Int) -> String {
      let unit = (0..<digits).reduce(1.0) { unit, _ in unit * 10 }
      return "\((value * unit).rounded() / unit)"
    }
    func percent(_ share: Double) -> String { number(share * 100, 2) + " %" }
    let outputs = comparison.outputs.map { output in
      var parts: [String] = []
      if let accuracies = output.accuracies {
        parts.append("right \(percent(accuracies.first)) -> \(percent(accuracies.second))")
      }
      if let agreement = output.agreement { parts.append("same class \(percent(agreement))") }
      if let ratio = output.signalToNoise { parts.append("signal to noise \(number(ratio, 1)) dB") }
      return "output '\(output.name)': " + (parts.isEmpty ? "not compared" : parts.joined(separator: ", "))
    }
    let times = comparison.times
    let speed =
      "time of a run: \(number(times.first, 3)) ms -> \(number(times.second, 3)) ms, "
      + "\(number(times.first / times.second, 2)) x as fast"
    return (outputs + [speed]).joined(separator: "\n")
  }
}
