"""The service: the model that a dataset's pointer names answers over HTTP."""
