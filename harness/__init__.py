"""codegen-harness: how good is this code model, and can the number be trusted?"""

__version__ = "0.3.0"
