"""Export, manifest, model card, publication."""
