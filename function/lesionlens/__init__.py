"""LesionLens: the journey of an image, from HTTP bytes to a classified result."""
