/// The accumulators of a convolution in memory: pixels of all images as rows, channels as columns.
struct PixelLayout {
  var epilogue: Epilogue
  /// Elements from one pixel of the result to the next.
  var pixelStride: Int

  /// nil when rows are not one axis.
  init?(_ accumulators: Accumulators) {
    let value = accumulators.index.node(accumulators.anchor).results[0]
    guard let exit = accumulators.exit, let result = accumulators.position(of: exit),
      let place = accumulators.places[value], let channels = accumulators.index.shape(value)?.dimensions.last
    else { return nil }
    let positions = [result] + accumulators.operands.map(\.position)
    func axes(_ forms: ArraySlice<Affine>) -> [StrideTable.Axis] {
      forms.compactMap { form in
        form.axis.map { axis in
          StrideTable.Axis(extent: accumulators.extents[axis], strides: positions.map { $0.coefficient(of: axis) })
        }
      }
    }
    let rows = StrideTable.merged(axes(place.forms.dropLast()))
    let columns = axes(place.forms.suffix(1))
    guard rows.count <= 1, columns.allSatisfy({ $0.strides[0] == 1 }),
      let epilogue = accumulators.epilogue(row: rows.first, column: columns.first, first: 1)
    else { return nil }
    self.epilogue = epilogue
    pixelStride = rows.first?.strides[0] ?? channels
  }
}
