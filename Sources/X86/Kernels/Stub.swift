import KernelIR
struct ContractionCompiler: Sendable { var instructionSet: InstructionSet
 func compile(_ k: Kernel, keepingListing: Bool) throws -> CompiledKernel { throw LoopCompilerError.unsupported("x") }
 static func supports(_ t: Epilogue.Term, _ i: InstructionSet) -> Bool { true } }
extension KernelCompiler { public func packedByteCount(_ p: Packing) -> Int { 0 }
 public func pack(_ p: Packing, from: UnsafePointer<Float>, into: UnsafeMutableRawPointer) {} }
