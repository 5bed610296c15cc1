import io
import sys
from pathlib import Path

from lesionlens_api import AuthenticatedClient
from lesionlens_api.api.classification import batch, classify
from lesionlens_api.models import Batch, BatchForm, Form, Problem, Result
from lesionlens_api.models.result_prediction_type_0 import ResultPredictionType0
from lesionlens_api.types import File, Unset


def file(path: str) -> File:
    return File(payload=io.BytesIO(Path(path).read_bytes()), file_name=path)


client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])

result = classify.sync(client=client, body=Form(image=file("lesion.jpg")))
assert isinstance(result, Result)
assert isinstance(result.prediction, ResultPredictionType0)
print(result.prediction.label, result.input_.width == 600)

images = [file("lesion.jpg"), file("damaged.jpg")]
several = batch.sync(client=client, body=BatchForm(images=images))
assert isinstance(several, Batch)
problem = several.results[1].problem
assert isinstance(several.results[0].result, Result)
assert not isinstance(problem, Unset)
print(len(several.results), problem.status, problem.title)

refused = classify.sync(client=client, body=Form(image=file("lesion.jpg")), explain="perhaps")
assert isinstance(refused, Problem)
print(refused.status, refused.title)
