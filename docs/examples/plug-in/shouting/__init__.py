"""Plug-ins for the harness: how much of an answer is in capitals, and a task that asks for it."""
