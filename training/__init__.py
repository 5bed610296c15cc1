"""The training job: the journey of a model, from a data set to a release in object storage."""
