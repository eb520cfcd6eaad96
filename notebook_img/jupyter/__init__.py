"""The magics and what stands around them: parsing, interpolation, completion, progress."""
