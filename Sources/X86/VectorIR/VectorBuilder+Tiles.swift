// AMX: eight registers of up to 16 rows of 64 bytes.
//
// A tile has a register of its own choosing, because rows and columns belong to registers: `TileConfiguration` says them
// once, for all that a function does. Tiles never leave their registers by themselves; a function that would need
// that is not built.

/// Rows and bytes of a row of each tile register.
public struct TileConfiguration: Hashable, Sendable {
  /// 1–16 rows of 4–64 bytes, a multiple of 4.
  public struct Tile: Hashable, Sendable {
    public var rows: Int
    public var columnBytes: Int

    public init(rows: Int, columnBytes: Int) {
      self.rows = rows
      self.columnBytes = columnBytes
    }
  }

  public static let tileCount = 8
  public static let rowCount = 16
  public static let rowByteCount = 64
  static let byteCountOfTile = rowCount * rowByteCount
  /// Of a configuration in memory.
  static let byteCount = 64
  /// Where the numbers of rows stand there, a byte each.
  static let rowsOffset = 48

  /// By register.
  public let tiles: [Tile]

  public init(_ tiles: [Tile]) {
    precondition(
      tiles.count <= Self.tileCount
        && tiles.allSatisfy {
          (1...Self.rowCount).contains($0.rows) && (4...Self.rowByteCount).contains($0.columnBytes)
        }, "\(tiles) do not exist")
    self.tiles = tiles
  }

  /// As ldtilecfg reads it: palette, start row, 14 bytes of 0, bytes of a row (16 bits each), rows.
  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    bytes[0] = 1
    for (number, tile) in tiles.enumerated() {
      bytes[16 + 2 * number] = UInt8(tile.columnBytes)
      bytes[Self.rowsOffset + number] = UInt8(tile.rows)
    }
    return bytes
  }
}

extension VectorBuilder {
  /// Configures the tiles, which become zero: before the first of them is used.
  public func configureTiles(_ configuration: TileConfiguration) {
    perform(.ldtilecfg, .memory(constantAddress(elements: configuration.bytes)))
  }

  /// The same with a configuration in memory.
  public func configureTiles(at address: Address) { perform(.ldtilecfg, .memory(address)) }

  /// Behind the last use of tiles: a thread that sleeps with tiles in use keeps its core from sleeping deeply, and has
  /// 8 KB more to save when it is interrupted.
  public func releaseTiles() { perform(.tilerelease) }

  /// A tile of zeros in register `number`.
  public func zeroTile(_ number: Int) -> Value { defineTile(number, .tilezero) }

  /// Rows of memory in register `number`.
  /// - Parameter stride: bytes from row to row.
  public func loadTile(_ number: Int, _ base: Value, stride: Value, displacement: Int = 0) -> Value {
    defineTile(number, .tileloadd, .memory(Address(base, index: stride, displacement: displacement)))
  }

  /// - Parameter stride: bytes from row to row.
  public func storeTile(_ tile: Value, to base: Value, stride: Value, displacement: Int = 0) {
    perform(.tilestored, .memory(Address(base, index: stride, displacement: displacement)), .value(tile))
  }

  /// accumulator + left · right, with one of the products of tiles: left [m, k], right [k, n] in groups of k that fill
  /// 4 bytes.
  public func multiplyTiles(_ product: Instruction, _ left: Value, _ right: Value, adding accumulator: Value) -> Value {
    update(product, accumulator, .value(left), .value(right))
  }

  private func defineTile(_ number: Int, _ instruction: Instruction, _ operand: VectorOperand? = nil) -> Value {
    precondition((0..<TileConfiguration.tileCount).contains(number), "tile \(number)")
    let result = define(instruction, .tile, operand)
    function.tileNumbers[result] = UInt8(number)
    return result
  }
}
