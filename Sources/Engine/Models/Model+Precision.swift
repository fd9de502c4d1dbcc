import KernelIR

/// How exactly what a model has in float32 is calculated: a choice made when it is loaded.
public typealias Precision = KernelIR.Precision
