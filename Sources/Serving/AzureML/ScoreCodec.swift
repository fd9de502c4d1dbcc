import Engine
import Tensors

/// Between the body of `/score` and the tensors of one model.
///
/// | body | answer |
/// |---|---|
/// | `{"data": [[…]]}` for one input, `{"data": {"name": […]}}` for any number | the output itself, or an object of outputs if there are several |
/// | `{"data": [{"column": …}, …]}`, one object a row | the same |
/// | `{"inputs": {"name": […]}}` | `{"outputs": {"name": […]}}` |
/// | `{"Inputs": {"data": […]}}`, as Power BI asks | `{"Results": …}` |
/// | raw bytes of the only input | raw bytes of the only output if `Accept` says so, else as the first |
///
/// `"method": "predict"` asks for the labels of a classifier alone, `"method": "predict_proba"` for its probabilities as
/// rows, in the order of the classes; these are then the only output.
///
/// Other keys are ignored.
final class ScoreCodec: Sendable {
  /// How the answer is shaped.
  enum Form {
    case plain, outputs, results
    case raw
  }

  /// Which outputs are answered, and how.
  struct Answer {
    var form: Form
    var method: PredictionMethod?
    /// The output that the method means.
    var output: Int?
  }

  let readers: [ValueReader]
  let outputNames: [String]
  private let outputs: [Port]
  /// What stands in front of the values of an object of outputs.
  private let inputNames: [String]

  init(_ model: ServedModel) {
    readers = model.inputs.map { ValueReader($0) }
    inputNames = model.inputs.map(\.name)
    outputNames = model.outputs.map(\.name)
    outputs = model.outputs
  }

  // MARK: - Reading

  func decode(_ body: UnsafeRawBufferPointer) throws(HTTPError) -> (inputs: [RuntimeValue], answer: Answer) {
    let text = Self.withoutMark(body)
    guard !text.isEmpty else {
      throw HTTPError(.badRequest, "POST body is empty. Expecting a JSON dictionary.")
    }
    var values = [RuntimeValue?](repeating: nil, count: readers.count)
    var form: Form?
    var method: PredictionMethod?
    do {
      var reader = JSONReader(text, source: "POST body")
      guard try reader.peek() == .object else {
        try Self.checkSyntax(text)
        throw HTTPError(.badRequest, "POST body should be a JSON dictionary.")
      }
      try reader.beginObject()
      while let key = try reader.nextKey() {
        guard let found = Self.form(key) else {
          if key == "method" {
            method = try PredictionMethod.read(&reader)
            continue
          }
          try reader.skipValue()
          continue
        }
        guard form == nil else {
          throw HTTPError(.badRequest, "More than one of 'data', 'inputs' and 'Inputs' is given.")
        }
        form = found
        try readInputs(&reader, found, text, &values)
      }
      try reader.finish()
    } catch {
      throw Self.refusal(error, text)
    }
    guard let form else { throw HTTPError(.badRequest, "A value is not provided for the 'data' parameter.") }
    return (try complete(values), Answer(form: form, method: method, output: try method?.output(of: outputs)))
  }

  private static func form(_ key: String) -> Form? {
    switch key {
    case "data": .plain
    case "inputs": .outputs
    case "Inputs": .results
    default: nil
    }
  }

  /// Some clients put a byte order mark in front of UTF-8.
  private static func withoutMark(_ body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let hasMark = body.count >= 3 && body[0] == 0xEF && body[1] == 0xBB && body[2] == 0xBF
    return hasMark ? UnsafeRawBufferPointer(rebasing: body[3...]) : body
  }

  private func readInputs(
    _ reader: inout JSONReader, _ form: Form, _ text: UnsafeRawBufferPointer, _ values: inout [RuntimeValue?]
  ) throws {
    switch try reader.peek() {
    case .object:
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if let index = inputNames.firstIndex(of: name) {
          guard values[index] == nil else { throw HTTPError(.badRequest, "Input '\(name)' is given twice.") }
          values[index] = try readers[index].read(&reader)
        } else if form == .results {
          // Power BI's "data" inside "Inputs"; other groups are ignored like other keys.
          if name == "data" { try readRows(&reader, text, &values) } else { try reader.skipValue() }
        } else {
          throw EngineError.unknownInput(name, known: inputNames)
        }
      }
    default: try readRows(&reader, text, &values)
    }
  }

  /// The only input itself, or records.
  private func readRows(
    _ reader: inout JSONReader, _ text: UnsafeRawBufferPointer, _ values: inout [RuntimeValue?]
  ) throws {
    if try Records.areNext(reader) {
      values = try Records(&reader, text).values(for: readers)
    } else if readers.count == 1 {
      values[0] = try readers[0].read(&reader)
    } else {
      let names = inputNames.map { "'\($0)'" }.joined(separator: ", ")
      throw HTTPError(.badRequest, "The model has \(readers.count) inputs: give an object with the keys \(names).")
    }
  }

  private func complete(_ values: [RuntimeValue?]) throws(HTTPError) -> [RuntimeValue] {
    var inputs: [RuntimeValue] = []
    inputs.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      if let value {
        inputs.append(value)
      } else if case .optional = readers[index].port.type {
        inputs.append(.optional(nil))
      } else {
        throw HTTPError(.badRequest, "A value is not provided for the '\(inputNames[index])' parameter.")
      }
    }
    return inputs
  }

  func decode(raw body: UnsafeRawBufferPointer) throws(HTTPError) -> [RuntimeValue] {
    guard readers.count == 1 else {
      throw HTTPError(.unsupportedMediaType, "Expects Content-Type to be application/json")
    }
    do {
      return [.tensor(try readers[0].read(raw: body))]
    } catch {
      throw Self.refusal(error, body)
    }
  }

  // MARK: - Errors

  /// Whatever went wrong while reading, as the client's fault; but for memory.
  private static func refusal(_ error: any Error, _ text: UnsafeRawBufferPointer) -> HTTPError {
    switch error {
    case let error as HTTPError: return error
    case TensorError.outOfMemory(let bytes):
      var refusal = HTTPError(.serviceUnavailable, "Not enough memory for \(bytes) bytes of input.")
      refusal.rejection = .outOfMemory
      return refusal
    case let error as TensorError:
      // Syntax goes before meaning: a body that is no JSON at all is named so.
      do throws(HTTPError) { try checkSyntax(text) } catch { return error }
      return HTTPError(.badRequest, error.description)
    default: return HTTPError(.badRequest, "\(error)")
    }
  }

  private static func checkSyntax(_ text: UnsafeRawBufferPointer) throws(HTTPError) {
    do throws(TensorError) {
      var reader = JSONReader(text, source: "POST body could not be decoded as JSON")
      try reader.skipValue()
      try reader.finish()
    } catch {
      throw HTTPError(.badRequest, error.description)
    }
  }

  // MARK: - Writing

  func encode(_ outputs: [RuntimeValue], _ answer: Answer, into writer: inout JSONWriter) throws(TensorError) {
    if let method = answer.method, let output = answer.output {
      try encode([method.answer(outputs[output])], names: [outputNames[output]], answer.form, &writer)
    } else {
      try encode(outputs, names: outputNames, answer.form, &writer)
    }
  }

  private func encode(
    _ outputs: [RuntimeValue], names: [String], _ form: Form, _ writer: inout JSONWriter
  ) throws(TensorError) {
    switch form {
    case .plain, .raw:
      if outputs.count == 1 {
        try ValueWriter.write(outputs[0], into: &writer)
      } else {
        try ValueWriter.writeObject(names: names, outputs, into: &writer)
      }
    case .outputs:
      writer.append(raw: "{\"outputs\": ")
      try ValueWriter.writeObject(names: names, outputs, into: &writer)
      writer.append(raw: "}")
    case .results:
      writer.append(raw: "{\"Results\": ")
      try encode(outputs, names: names, .plain, &writer)
      writer.append(raw: "}")
    }
  }
}
