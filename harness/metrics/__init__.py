"""Kernels of measures: texts or numbers in, numbers out. No I/O; a heavy library is imported by the one module it is for."""
