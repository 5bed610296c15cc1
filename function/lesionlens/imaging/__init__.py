"""From bytes to an upright RGB picture and the input tensor."""
