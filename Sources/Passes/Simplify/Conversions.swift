import GraphIR
import Tensors

extension Rewriter {
  func simplifiedConvert(_ x: ValueID, _ type: ElementType, _ saturating: Bool) throws -> ValueID? {
    if elementType(x) == type { return x }
    if let inner = producer(x), case .convert(let middle, _) = inner.operation,
      let source = elementType(inner.operands[0]), source.isPreserved(by: middle)
    {
      return try one(.convert(to: type, saturating: saturating), [inner.operands[0]])
    }
    return try beforeBroadcast(.convert(to: type, saturating: saturating), x)
  }

  func simplifiedBitcast(_ x: ValueID, _ type: ElementType) -> ValueID? {
    if elementType(x) == type { return x }
    guard let inner = producer(x), case .bitcast = inner.operation, elementType(inner.operands[0]) == type
    else { return nil }
    return inner.operands[0]
  }
}

extension ElementType {
  /// Every value of this type, infinities and NaN included, is one of `wider`. Not for bool: conversion to it and back
  /// is what makes 1 of every byte that is not 0.
  fileprivate func isPreserved(by wider: ElementType) -> Bool {
    switch self {
    case .float16: wider == .float32 || wider == .float64
    case .bfloat16: wider == .float32 || wider == .float64
    case .float32: wider == .float64
    case .int8, .int4, .int2: isInteger(wider, signed: true) || wider.isFloat(ofPrecision: 8)
    case .uint8, .uint4, .uint2:
      isInteger(wider, signed: true) || isInteger(wider, signed: false) || wider.isFloat(ofPrecision: 8)
    case .int16: isInteger(wider, signed: true) || wider.isFloat(ofPrecision: 16)
    case .uint16:
      isInteger(wider, signed: true) || isInteger(wider, signed: false) || wider.isFloat(ofPrecision: 16)
    case .int32: wider == .int64 || wider == .float64
    case .uint32: wider == .int64 || wider == .uint64 || wider == .float64
    default: false
    }
  }

  private func isInteger(_ wider: ElementType, signed: Bool) -> Bool {
    wider.kind == (signed ? .signedInteger : .unsignedInteger) && wider.bitWidth > bitWidth
  }

  private func isFloat(ofPrecision bits: Int) -> Bool {
    switch self {
    case .float64: bits <= 53
    case .float32: bits <= 24
    case .float16: bits <= 11
    case .bfloat16: bits <= 8
    default: false
    }
  }
}
