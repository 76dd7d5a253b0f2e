"""Compiled inner loops of the search: sweeps, the rise of the bound, labels. Arrays in, arrays out.

numba compiles them once per machine and keeps the machine code beside the sources, so no request waits for it (see
`placement.warm_up`). Types are fixed: int64, float64, uint64 and bool arrays, C-contiguous, in the named tuples below.
"""
