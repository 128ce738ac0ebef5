"""What the paths on the command line say, and how they are remembered."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from aios.errors import InvalidSpecError, MissingExtraError
from aios.spec.base import Ref
from aios.spec.catalogue import Catalogue
from aios.spec.loading import Loaded, load
from aios.spec.vocabulary import Provider, Tool

STDIN = "-"
_PROVIDERS = {
    Provider.ANTHROPIC: ("models", "anthropic"),
    Provider.OPENAI_COMPATIBLE: ("models", "openai"),
    Provider.OLLAMA: ("models", "ollama"),
    Provider.LLAMA_CPP: ("local", "xllamacpp"),
}
"""The extra and the library that a provider's models need."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Files, folders, and "-" for standard input, of which `stdin` is what was read."""

    paths: tuple[str, ...] = ()
    stdin: str = ""
    namespace: str = "default"
    """Where resources that state none live."""

    def load(self) -> Loaded:
        """Everything that they say now. Never raises for what stands in a file."""
        return load(self.paths, stdin=StringIO(self.stdin), cwd=Path.cwd(), namespace=self.namespace)

    def require(self, loaded: Loaded) -> Catalogue:
        """What can be applied. Raises InvalidSpecError when something is wrong or nothing is there, and
        MissingExtraError.

        Nothing at all is what a broken pipe or a half-saved file says: obeyed, it would delete everything that came
        from there.
        """
        catalogue = loaded.require()
        if self.paths and not catalogue.resources:
            named = ", ".join("standard input" if path == STDIN else path for path in self.paths)
            raise InvalidSpecError(
                f"no resource of ours in {named}; nothing was applied. "
                "To remove what it stated before: `aios delete KIND NAME`"
            )
        check_extras(catalogue)
        return catalogue

    @property
    def names(self) -> tuple[str, ...]:
        """How they are remembered: absolute, so that it does not matter where `aios up` is typed, and for the namespace
        they were read for, so that another AIOS_NAMESPACE brings in more and deletes nothing."""
        read_for = "" if self.namespace == "default" else f" (namespace {self.namespace})"
        places = (path if path == STDIN else str(Path(path).expanduser().resolve()) for path in self.paths)
        return tuple(place + read_for for place in places)

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that can be edited."""
        return tuple(Path(path) for path in self.paths if path != STDIN)

    def origins(self, loaded: Loaded) -> Mapping[Ref, str]:
        """Which source brought each resource in, as `names` spells it."""
        names = self.names
        found = dict.fromkeys((resource.ref for resource in loaded.catalogue.resources), names[-1] if names else "")
        if len(names) < 2:
            return found
        for path, name in zip(self.paths, names, strict=True):
            others = [other for other in self.paths if other not in {path, STDIN}]
            stdin = StringIO(self.stdin)
            alone = load([path], stdin=stdin, cwd=Path.cwd(), context=others, namespace=self.namespace)
            found |= {resource.ref: name for resource in alone.catalogue.resources if resource.ref in found}
        return found


def check_extras(catalogue: Catalogue) -> None:
    """Say now what would fail later. Raises MissingExtraError."""
    uses_memory = any(Tool.MEMORY in member.tools for team in catalogue.teams.values() for member in team.spec.members)
    if uses_memory and importlib.util.find_spec("qdrant_client") is None:
        raise MissingExtraError("memory", "the Memory tool")
    for ref, model in catalogue.models.items():
        extra, library = _PROVIDERS.get(model.spec.provider, ("", ""))
        if library and importlib.util.find_spec(library) is None:
            raise MissingExtraError(extra, f"{ref} ({model.spec.provider})")
