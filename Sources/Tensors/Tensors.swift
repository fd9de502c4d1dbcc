// Tensors: numbers in memory. Start here.
//
//   ElementType    what one element is (every ONNX type), its width and names
//   Shape          extents of a dense row-major array
//   TensorStorage  the bytes: owned, mapped or borrowed, 64-byte aligned when owned
//   Tensor         element type + shape + storage; a value, copied by reference to its storage
//   RuntimeValue   what flows along an edge of a graph: a tensor, sequence, optional or map
//
// Files: `.npy` and `.npz`. JSON: the number codec of the way of a request.
