"""Releases: export, manifest, model card, publication."""
