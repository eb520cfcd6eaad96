"""One file per magic: from the line to calls of the studio."""
