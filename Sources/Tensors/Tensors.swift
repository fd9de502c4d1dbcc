// Tensors: numbers in memory. Start here.
//
//   ElementType    what one element is (every ONNX type), its width and names
//   Shape          extents of a dense row-major array
//   TensorStorage  the bytes: owned, mapped or borrowed, 64-byte aligned when owned
//   Tensor         element type + shape + storage; a value, copied by reference to its storage
//   Tensor+Derived constants whose bytes exist only while they are read
//   RuntimeValue   what flows along an edge of a graph: a tensor, sequence, optional or map
//
//   Numbers/       bits ⇄ numbers ⇄ text: FloatFormat (all floats below 32 bits), PackedElements (2 and 4 bits),
//                  DecimalNumber (text to float, rounded once), ShortestDecimal (float to the fewest digits)
//   Conversion/    Tensor.converted(to:), which is ONNX Cast; widened() and narrowed(to:) for whoever calculates
//   JSON/          the codec of the way of a request: JSONReader, JSONTensorDecoder; JSONWriter, JSONTensorEncoder
//   Files/         NPY and NPZ, as numpy.save and numpy.savez write them
