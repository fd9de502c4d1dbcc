// KernelIR: what a generated function computes, before anyone says with which instructions. Start here.
//
//   Loops/         LoopKernel: loop nests over typed buffers with affine index maps and an expression graph as body;
//                  its interpreter (the meaning for every code generator), text form, verifier
//   Contractions/  Gemm, ConvolutionKernel and relatives: shapes that a code generator builds by hand-made rules, with an
//                  Epilogue of elementwise work on the accumulators
//   Trees/         TreeKernel: tree ensembles, their packed layout and its plain meaning
//   Scheduling/    a bound graph becomes a list of steps: which nodes become one kernel, which are views, which are left
//                  to the interpreter
//
// A kernel is a value: two steps with equal kernels share one piece of machine code. What changes with the batch, the
// number of rows, is not in the kernel; it is an argument of the call.
