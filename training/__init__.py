"""The training job: from a data set to a release of the model in object storage."""
