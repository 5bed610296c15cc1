"""Ours against the paper's way, measured side by side: `make bench`."""
