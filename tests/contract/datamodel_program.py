import sys
from pathlib import Path

import httpx
from lesionlens_api import Batch, Problem, Result

lesion, damaged = (Path(name).read_bytes() for name in ("lesion.jpg", "damaged.jpg"))

with httpx.Client(base_url=sys.argv[1], timeout=60) as client:
    answer = client.post("/v1/classify", files={"image": lesion})
    result = Result.model_validate_json(answer.content)
    assert result.prediction is not None
    print(result.prediction.label.root, result.input.width == 600)

    answer = client.post("/v1/batch", files=[("images", lesion), ("images", damaged)])
    several = Batch.model_validate_json(answer.content)
    problem = several.results[1].problem
    assert problem is not None
    print(len(several.results), problem.status, problem.title)

    answer = client.post("/v1/classify", params={"explain": "perhaps"}, files={"image": lesion})
    refused = Problem.model_validate_json(answer.content)
    print(refused.status, refused.title)
