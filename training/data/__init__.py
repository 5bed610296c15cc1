"""Data sets: reading, decoding, splitting, augmenting."""
