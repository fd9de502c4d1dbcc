import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

@Suite struct ONNXValueFileTests {
  private func read(_ message: MessageWriter, _ type: ONNXType) throws -> RuntimeValue {
    try ONNXValueFile.read(bytes: message.bytes, name: "v.pb", as: type)
  }

  private func tensor(_ value: Float) -> MessageWriter { .tensor("", 1, []) { $0.packedFloats(4, [value]) } }

  private func numbers(_ value: RuntimeValue) -> String {
    switch value {
    case .tensor(let tensor) where tensor.elementType == .string: "\(tensor.strings)"
    case .tensor(let tensor) where tensor.elementType == .int64: "\(tensor.elements(of: Int64.self))"
    case .tensor(let tensor): "\(tensor.elements(of: Float.self))"
    case .sequence(let values): "(" + values.map(numbers).joined(separator: " ") + ")"
    case .optional(let value): value.map(numbers) ?? "none"
    case .map(let keys, let values): numbers(.tensor(keys)) + "->" + numbers(.sequence(values))
    }
  }

  @Test func sequencesOfTensorsAndSequences() throws {
    let inner = MessageWriter {
      $0.string(1, "inner")
      $0.int(2, 1)
      $0.message(3, tensor(1))
      $0.message(3, tensor(2))
    }
    #expect(numbers(try read(inner, .sequence(.unknown))) == "([1.0] [2.0])")
    let outer = MessageWriter {
      $0.int(2, 3)
      $0.message(5, inner)
      $0.message(5, MessageWriter())
    }
    #expect(numbers(try read(outer, .sequence(.unknown))) == "(([1.0] [2.0]) ())")
  }

  @Test func optionalsWithAndWithoutAValue() throws {
    #expect(numbers(try read(MessageWriter(), .optional(.unknown))) == "none")
    #expect(numbers(try read(MessageWriter { $0.message(3, tensor(3)) }, .optional(.unknown))) == "[3.0]")
    let nested = MessageWriter {
      $0.int(2, 5)
      $0.message(7) { $0.message(5) { $0.message(3, tensor(4)) } }
    }
    #expect(numbers(try read(nested, .optional(.unknown))) == "([4.0])")
    let sequence = MessageWriter {
      $0.message(7) { $0.message(3, tensor(4)) }
      $0.message(7, MessageWriter())
    }
    #expect(numbers(try read(sequence, .sequence(.unknown))) == "([4.0] none)")
  }

  @Test func mapsFromNumbersAndStrings() throws {
    let values = MessageWriter {
      $0.message(3, tensor(1))
      $0.message(3, tensor(2))
    }
    let byNumber = MessageWriter {
      $0.int(2, 7)
      $0.packedInts(3, [10, -20])
      $0.message(5, values)
    }
    let byName = MessageWriter {
      $0.int(2, 8)
      $0.string(4, "a")
      $0.string(4, "b")
      $0.message(5, values)
    }
    let type = ONNXType.map(key: nil, value: .unknown)
    #expect(numbers(try read(byNumber, type)) == "[10, -20]->([1.0] [2.0])")
    #expect(numbers(try read(byName, type)) == #"["a", "b"]->([1.0] [2.0])"#)
    #expect(numbers(try read(MessageWriter { $0.message(6, byName) }, .sequence(.unknown))).hasPrefix("([\"a\""))
    #expect(throws: ONNXError.self) { try read(MessageWriter { $0.packedInts(3, [1]) }, type) }
  }

  @Test func nestingHasALimit() {
    var message = MessageWriter()
    for _ in 0..<120 { message = MessageWriter { $0.message(5, message) } }
    #expect(throws: ONNXError.self) { try read(message, .sequence(.unknown)) }
  }

  @Test func opaqueValuesAreRefused() {
    #expect(throws: ONNXError.self) { try read(MessageWriter(), .opaque(domain: "d", name: "n")) }
  }
}
