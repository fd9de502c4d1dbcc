import X86

extension InstructionSet {
  /// The levels with generated code that tests can run here: what the CPU has, and tiles where only these are lacking.
  public static let runnable: [InstructionSet] = {
    guard let features = try? CPU.current().features else { return [] }
    let native: [InstructionSet] = [.avx2, .avx512, .amx].filter { $0.requiredFeatures.isSubset(of: features) }
    guard emulatesTiles else { return native }
    TileEmulator.install()
    return native + [.amx]
  }()

  /// Whether tile instructions run in the emulator.
  public static let emulatesTiles: Bool = {
    guard let features = try? CPU.current().features else { return false }
    let tiles = CPUFeatures(.amxTile, .amxInt8, .amxBF16)
    return !features.isSuperset(of: tiles)
      && InstructionSet.amx.requiredFeatures.subtracting(tiles).isSubset(of: features)
  }()
}
