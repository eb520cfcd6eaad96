"""The magics and what belongs to them: parsing, interpolation, completion, progress."""
