"""Runs exported models with LiteRT."""

from typing import Any

from ai_edge_litert.interpreter import Interpreter

from lesionlens.model.classifier import SIGNATURE


def runner(data: bytes, threads: int) -> Any:
    """Return a function that maps ``image`` (N, S, S, 3) to the model's outputs by name."""
    interpreter = Interpreter(model_content=data, num_threads=threads)
    return interpreter.get_signature_runner(SIGNATURE)
