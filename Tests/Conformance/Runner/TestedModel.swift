import Engine
import Glibc
import TileEmulator
import X86

/// How the runner loads models: as `apus` does, except that `APUS_CPU=amx` is emulated on a CPU that lacks only tiles.
enum TestedModel {
  private static let emulatesTiles: Bool = {
    guard getenv("APUS_CPU").map({ String(cString: $0) }) == "amx", InstructionSet.emulatesTiles else { return false }
    TileEmulator.install()
    return true
  }()

  static func load(_ path: String, _ precision: Precision = .float32) throws -> Model {
    emulatesTiles
      ? try Model(path: path, precision: precision, .amx) : try Model(path: path, precision: precision)
  }
}
