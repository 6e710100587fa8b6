"""Kernels of measures: texts or numbers in, numbers out. A heavy library is imported by the one module it is for."""
