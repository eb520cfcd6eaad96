"""The tools, one module per family: what existing clients call, and ours beside them."""

FAMILIES = ("all", "gemini", "vision", "seedream")
"""What can be served: all tools, or those of a single-purpose server that is replaced (a module each)."""
