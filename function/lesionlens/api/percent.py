"""Probabilities as people read them."""


def percent(probability: float, digits: int = 0) -> str:
    """Write a probability in [0, 1] with ``digits`` decimal places, such as "78%".

    Never as 0% or 100%, but as "< 1%" or "> 99%": no model is certain.
    """
    least = 10.0 ** -(2 + digits)
    if probability < least:
        return f"< {least:.{digits}%}"
    if probability > 1 - least:
        return f"> {1 - least:.{digits}%}"
    return f"{probability:.{digits}%}"
