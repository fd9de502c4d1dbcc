/// A kernel as machine code, not yet placed in executable memory, and what its caller must know.
///
/// The function does the units `begin..<end` of a call. How units are cut depends on nothing but the kernel and the
/// parameters, and no sum is split between units: any assignment of units to threads gives the same bits.
public struct CompiledKernel: Sendable {
  /// Readable, for profilers and dumps.
  public var name: String
  public var code: MachineCode
  public var units: WorkUnits
  /// Nil for one call that does all units.
  public var phases: WorkPhases?
  /// Memory that each thread gives the function, 64-byte aligned.
  public var scratchByteCount: Int

  public init(name: String, code: MachineCode, units: WorkUnits, phases: WorkPhases? = nil, scratchByteCount: Int) {
    self.name = name
    self.code = code
    self.units = units
    self.phases = phases
    self.scratchByteCount = scratchByteCount
  }
}

/// The number of work units of a call: constant · Π ⌈parameter / divisor⌉.
public struct WorkUnits: Hashable, Sendable {
  public struct Factor: Hashable, Sendable {
    /// Position among the call's integer parameters.
    public var parameter: Int
    public var divisor: Int

    public init(parameter: Int, divisor: Int = 1) {
      precondition(divisor > 0, "units of \(divisor) rows")
      self.parameter = parameter
      self.divisor = divisor
    }
  }

  public var constant: Int
  public var factors: [Factor]

  public init(constant: Int, factors: [Factor] = []) {
    self.constant = constant
    self.factors = factors
  }

  public func count(parameters: [Int]) -> Int {
    factors.reduce(constant) { $0 * ((parameters[$1.parameter] + $1.divisor - 1) / $1.divisor) }
  }
}

/// Calls one after the other, each of them with all units: what one reads, any unit of those before may have written. The
/// number of the call is an argument behind the parameters.
public struct WorkPhases: Hashable, Sendable {
  /// Position of the number of time steps among the call's integer parameters.
  public var parameter: Int
  public var perStep: Int

  public init(parameter: Int, perStep: Int) {
    self.parameter = parameter
    self.perStep = perStep
  }

  /// Those of the steps and a last one.
  public func count(parameters: [Int]) -> Int { parameters[parameter] * perStep + 1 }
}
