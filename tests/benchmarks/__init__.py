"""Benchmarks of the service and its alternatives: `make bench`."""
