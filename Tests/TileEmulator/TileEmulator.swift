import Glibc

/// Runs AMX's tile instructions on a CPU that has none, so that tests see what generated code computes with them.
///
/// Such a CPU raises SIGILL at each of them. The handler decodes the instruction, does to this thread's tiles and to
/// memory what Intel's manual says (volume 2, "Intel AMX instruction set reference"), and goes on behind it. What is no
/// tile instruction, or one that a CPU with tiles would refuse, goes to the handler that was there before.
///
/// The signal comes out of generated code, never out of a library: the handler interrupts nobody who holds a lock.
/// Still it allocates nothing; the tiles of each thread lie in memory that `install` reserves.
public enum TileEmulator {
  /// From now on tile instructions are emulated. Only for CPUs without them: nothing would ever arrive at the handler.
  public static func install() { _ = installed }

  /// The number of tile instructions of each kind that the calling thread has run through the emulator so far.
  public static var counts: TileCounts { TileThread.current()?.pointee.counts ?? TileCounts() }

  private static let installed: Bool = {
    // Where there is no executable memory, generated code does not run either.
    guard (try? TileThread.reserve()) != nil else { return false }
    var action = sigaction()
    action.__sigaction_handler.sa_sigaction = handle
    action.sa_flags = SA_SIGINFO
    sigemptyset(&action.sa_mask)
    return sigaction(SIGILL, &action, &previous) == 0
  }()
}

/// Tile instructions by what they cost: loads and stores move up to 1 KiB, products take up to 16 cycles.
public struct TileCounts: Equatable, Sendable {
  public var loads = 0
  public var stores = 0
  public var products = 0
  public var zeros = 0
  /// ldtilecfg and tilerelease.
  public var configurations = 0

  public init() {}

  public static func - (left: TileCounts, right: TileCounts) -> TileCounts {
    var result = left
    result.loads -= right.loads
    result.stores -= right.stores
    result.products -= right.products
    result.zeros -= right.zeros
    result.configurations -= right.configurations
    return result
  }
}

/// What SIGILL did before; written once, before the handler can run.
nonisolated(unsafe) private var previous = sigaction()

private func handle(_ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?) {
  if let context, let thread = TileThread.current() {
    let machine = context.assumingMemoryBound(to: ucontext_t.self)
    let isDone = withUnsafeMutableBytes(of: &machine.pointee.uc_mcontext.gregs) { bytes in
      let registers = InterruptedRegisters(bytes)
      TileProducts.flushDenormals()
      // Tile instructions come in rows: one signal for each row is much cheaper than one for each instruction.
      var isDone = false
      while let instruction = TileInstruction(registers), thread.pointee.run(instruction) {
        registers.instructionPointer = instruction.next
        isDone = true
      }
      return isDone
    }
    if isDone { return }
  }
  let handler = unsafeBitCast(previous.__sigaction_handler.sa_sigaction, to: Int.self)
  if previous.sa_flags & SA_SIGINFO != 0 {
    previous.__sigaction_handler.sa_sigaction(signal, info, context)
  } else if handler != unsafeBitCast(SIG_DFL, to: Int.self), handler != unsafeBitCast(SIG_IGN, to: Int.self) {
    previous.__sigaction_handler.sa_handler(signal)
  } else {
    // The instruction runs again, and ends the process as it would have.
    sigaction(signal, &previous, nil)
  }
}
