"""Tasks: pure functions from a problem to a request, from a completion to a program, from an execution to a score.

A module of this folder has `VERSION`, `request`, `program`, `score` and `summarize`. None of them does any I/O.
"""
