"""Example notebooks; each runs offline, from start to end, and asserts its own results."""
