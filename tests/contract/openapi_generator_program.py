import sys
from pathlib import Path

from lesionlens_api import ApiClient, ApiException, ClassificationApi, Configuration

api = ClassificationApi(ApiClient(Configuration(host=sys.argv[1])))
lesion, damaged = (Path(name).read_bytes() for name in ("lesion.jpg", "damaged.jpg"))

result = api.classify(("lesion.jpg", lesion))
assert result.prediction is not None
print(result.prediction.label, result.input.width == 600)

several = api.batch([("lesion.jpg", lesion), ("damaged.jpg", damaged)])
problem = several.results[1].problem
assert several.results[0].result is not None
assert problem is not None
print(len(several.results), problem.status, problem.title)

try:
    api.classify(("lesion.jpg", lesion), explain="perhaps")
except ApiException as refused:
    print(refused.status, getattr(refused.data, "title", None))
