"""The tools, one module per family: what existing clients call, and ours beside them."""
