"""LesionLens, the serving package: from an uploaded image to its classification."""
