"""Failures of an embedder. It is called as a model is, but no Model of anybody's YAML states it: a URL does."""

from aios.errors import EnvironmentProblemError, ModelCallError, ServiceUnavailableError

VARIABLE = "AIOS_EMBEDDINGS_URL"

_PLACES = (
    ("spec.endpoint of the Model", VARIABLE),
    ("spec.credentialsSecretRef of the Model", f"it in {VARIABLE}"),
    ("spec.model and spec.endpoint", VARIABLE),
    ("spec.endpoint", VARIABLE),
)
"""Where a Model states what the URL states here; longer ones first."""


def told(error: ModelCallError) -> ServiceUnavailableError | EnvironmentProblemError:
    """The same, naming the place where an embedder is stated: whether it may pass, or somebody has to do something."""
    text = str(error)
    for of_model, of_embedder in _PLACES:
        text = text.replace(of_model, of_embedder)
    return (ServiceUnavailableError if error.transient else EnvironmentProblemError)(f"embedder: {text}")
