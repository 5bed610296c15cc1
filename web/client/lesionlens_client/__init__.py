"""Python client of LesionLens; the service's /openapi.json documents the whole API.

Not a medical diagnosis: show a result's ``notice`` wherever you show the result.
"""

from .aio import AsyncClient
from .client import Client
from .problems import ProblemError
from .requests import Image, Options
from .results import Entry, Problem, Result
from .retries import Retries

__all__ = [
    "AsyncClient",
    "Client",
    "Entry",
    "Image",
    "Options",
    "Problem",
    "ProblemError",
    "Result",
    "Retries",
]
