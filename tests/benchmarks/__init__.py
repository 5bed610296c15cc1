"""Ours against the paper's way, measured side by side: `make bench`."""

import sys
from pathlib import Path

# What is measured is not installed; see training/__init__.py.
sys.path.append(str(Path(__file__).parents[2] / "function"))
