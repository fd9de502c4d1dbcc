// X86: machine code for x86-64, from an instruction's name to a pointer that can be called. Start here.
//
//   Operands/       registers, addresses, labels: small trivial values
//   Instructions/   the tables: one line an instruction, a file a family, and the Intel text of an instruction
//   Assembler/      operands checked against the table, then one generic encoder each for REX, VEX and EVEX;
//                   labels, loop alignment, constant pool
//   VectorIR/       virtual registers in structured loops over the same instructions; register allocation
//   Maths/          elementary functions of vectors, on the vector IR
//   Loops/          loop kernels of KernelIR, lowered to the vector IR
//   Contractions/   matrix products, convolutions, attention and recurrent layers, built by hand on the vector IR
//   Trees/          the walks of tree ensembles
//   Kernels/        the one door to all of it, and the peaks that kernels are held against
//   Memory/         regions that hold finished code, never writable and executable at one address; perf map, jitdump
//   Machine/        what this CPU and this process may use: features, instruction-set caps, caches
//
// An operand combination that the hardware lacks is an `AssemblerError`, never a trap and never other bytes.
// Every line of the tables is checked against an external assembler: see Tests/X86Tests/Golden.
