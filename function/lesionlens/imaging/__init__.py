"""From the bytes of a file to an upright RGB picture and the model's input."""
