"""Results as written by a run, with simple figures."""

from typing import Any

import pytest

from tests.benchmarks import floor, inputs
from tests.benchmarks.contenders import COMPILED, LITSERVE, ONNX, OURS, PAPER
from tests.benchmarks.summary import BRIEF, CELLS, FEW, cell

# Factors by which the others are slower and larger than ours.
FACTORS = {OURS: 1, ONNX: 2, LITSERVE: 2.5, COMPILED: 3, PAPER: 20}


@pytest.fixture
def results() -> dict[str, Any]:
    keys = dict.fromkeys((*CELLS, *((size, FEW) for size in inputs.SIZES)))
    return {
        "machine": {
            "processor": "a processor",
            "vnni": True,
            "busy": 0.02,
            "cores": 2,
            "memory_gib": 8.0,
            "kernel": "6.1",
            "python": "3.11.7",
            "packages": {"keras": "3"},
            "load_before": 0.1,
            "date": "2026-01-02 03:04 UTC",
            "commit": "abc1234",
        },
        "models": {
            "version": "20260102-abcdef01",
            "served": "int8-224",
            "size": 224,
            "weights": "the trained network",
            "variants": {"int8-224": "shipped", "float32-224": "exported by the run"},
            "accuracy": [
                {
                    "name": name,
                    "bytes": size,
                    "latency_ms": milliseconds,
                    "balanced_accuracy": accuracy,
                }
                for name, size, milliseconds, accuracy in (
                    ("float32-224", 12_000_000, 14.0, 0.77),
                    ("int8-224", 3_500_000, 2.0, 0.766),
                )
            ],
            "accuracy_on": "a machine",
        },
        "inputs": {name: f"a file: {name}" for name in (*inputs.SIZES, inputs.PNG, inputs.HEIF)},
        "rounds": 3,
        "contenders": {
            name: {
                "title": f"title of {name}",
                "bytes": 100 * 1024**2 * factor,
                "first_s": [0.4 * factor, 0.3 * factor, 0.5 * factor],
                "store_s": [0.5, 0.6, 0.7] if name == OURS else [],
                "idle_mib": [50.0 * factor],
                "cells": {
                    cell(*key): measured(factor, key[1])
                    for key in (keys if name in (OURS, PAPER) else BRIEF)
                },
            }
            for name, factor in FACTORS.items()
        },
        "floor": {
            "engines": {"LiteRT int8-224, threads: 2": [4.0, 5.0, 4.5]},
            "decoder": {"jpeg": [2.0]},
            "ways": {floor.SHRUNK: [1.2], floor.HERE: [2.0], floor.APART: [2.4]},
        },
        "scaling": {
            "settings": [
                {"cores": 1, "clients": 1, "rate": 80, "p50_ms": 9, "p95_ms": 12, "peak_mib": 90},
                {"cores": 1, "clients": 8, "rate": 100, "p50_ms": 70, "p95_ms": 90, "peak_mib": 95},
                {"cores": 2, "clients": 8, "rate": 150, "p50_ms": 50, "p95_ms": 70, "peak_mib": 99},
            ],
            "trials": {
                "a trial": {
                    "rule": {"concurrency": 1, "most": 3, "idle_s": 1},
                    "measured": {"requests": 20, "cold": 8, "starts": 7, "waited_s": 0.2},
                    "simulated": {"requests": 20, "cold": 9, "starts": 8, "waited_s": 0.25},
                }
            },
            "cold_s": 0.5,
            "service_s": 0.01,
        },
    }


def measured(factor: float, clients: int) -> list[dict[str, float]]:
    """Three rounds of a measurement: 7, 6 and 8 ms for one client of the fastest."""
    return [
        {
            "p50_ms": middle * factor * clients,
            "p95_ms": 2 * middle * factor * clients,
            "p99_ms": 3 * middle * factor * clients,
            "rate": 60 * min(clients, 2) / factor,
            "requests": 240 // factor,
            "peak_mib": 60.0 * factor + clients,
        }
        for middle in (7.0, 6.0, 8.0)
    ]
