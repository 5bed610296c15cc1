"""The training job: the journey of a model, from a data set to a release in object storage."""

import sys
from pathlib import Path

# The code that turns an image into the model's input stands once, in function/; it is found here
# and not installed, because what is deployed must also work as a mere folder.
sys.path.append(str(Path(__file__).parent.parent / "function"))
