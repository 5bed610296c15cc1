"""Data sets: reading, decoding, splitting."""
