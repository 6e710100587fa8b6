"""Other systems' APIs: `<name>.py` offers `router(service) -> APIRouter`, and is found by existing.

A dialect says in its docstring which clients speak it, and what each makes of a fault: a fault of ours must reach every
one of them as something that it does not take for a failed test.
"""
