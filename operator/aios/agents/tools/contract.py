"""What every tool is: a name a model calls, arguments that are checked, an effect that decides how it is recorded.

Refuses to raise for what a model can mend: bad arguments and expected failures are answers, marked as failed, that go
back to the model. Only what ends the attempt (a lost claim, a service that stays away) travels as an error.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from aios.ports.chat_model import ToolSpec
from aios.spec.vocabulary import Privacy

MAX_TEXT = 32_768


class Effect(StrEnum):
    """What a tool may change, and so what a resumed attempt has to know of it."""

    READ = "Read"
    """Nothing: its answer alone is recorded."""
    WORKSPACE = "Workspace"
    """The working copy: its manifest is recorded with the answer, so that it is restored from there."""
    EXTERNAL = "External"
    """Something outside: recorded before it acts, repeated under the same key if no answer is recorded."""


class Arguments(BaseModel):
    """A tool's arguments. Unknown ones are refused: the model learns its mistake instead of being ignored."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says; `privacy` is the label of what it brought in."""

    text: str
    failed: bool = False
    privacy: Privacy = Privacy.PUBLIC


@dataclass(frozen=True, slots=True)
class Moment:
    """When a tool is called: the label of all the attempt has seen so far, and the call's name for ever."""

    label: Privacy
    key: str


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool of one attempt."""

    name: str
    description: str
    effect: Effect
    arguments: type[A]
    act: Callable[[A, Moment], Awaitable[Answer]]

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model is told of it."""
        return ToolSpec(self.name, self.description, _schema(self.arguments))

    async def use(self, args: Mapping[str, object], moment: Moment) -> Answer:
        """Check the arguments and act."""
        try:
            arguments = self.arguments.model_validate(args)
        except ValidationError as error:
            said = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False))
            return Answer(f"bad arguments for {self.name}: {said}", failed=True)
        answer = await self.act(arguments, moment)
        return Answer(middle_cut(answer.text, MAX_TEXT), answer.failed, answer.privacy)


class AnyTool(Protocol):
    """A tool whatever its arguments are: it checks them itself."""

    @property
    def name(self) -> str: ...

    @property
    def effect(self) -> Effect: ...

    @property
    def spec(self) -> ToolSpec: ...

    async def use(self, args: Mapping[str, object], moment: Moment) -> Answer: ...


def middle_cut(text: str, limit: int) -> str:
    """`text` with its middle left out if it is longer than `limit` characters: beginnings and ends say most."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


@cache
def _schema(arguments: type[Arguments]) -> Mapping[str, object]:
    """Worked out once for each class of arguments: it takes milliseconds, and every model call asks for it."""
    schema = _without_titles(arguments.model_json_schema())
    return schema if isinstance(schema, dict) else {}


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "arguments"


def _without_titles(schema: object) -> object:
    """Pydantic's generated titles say nothing a model does not see in the names. A property called `title` stays."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)
    }
