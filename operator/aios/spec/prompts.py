"""Prompt templates: which variables there are, and how a template becomes text.

Templates come from users and inputs come from anywhere, so rendering is sandboxed and bounded and a variable nobody
defined is an error, never an empty string. It refuses to offer anything but values: no files, no environment, no
includes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from aios.errors import InvalidSpecError

VARIABLES: Mapping[str, str] = {
    "team.name": "the AgentTeam's name",
    "member.name": "the member's name",
    "member.tier": "the member's tier: Strategic, Execution or Support",
    "project.name": "the Project's name",
    "project.goal": "the Project's goal",
    "inputs.NAME": "the value of NAME under the Project's spec.inputs",
    "task.name": "the task's name",
    "task.instructions": "what the task asks for",
    "task.dependsOn": "the names of the tasks before it, a list",
    "task.outputs": "the globs that must match a file when it ends, a list",
    "task.attempt": "which attempt at the task this is; 1 is the first",
}
"""What a prompt may use, and what each stands for."""
INPUTS = "inputs"

MAX_RENDERED = 262_144
_GROWING_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"})
_GROWING_FILTERS = ("center", "format", "indent", "wordwrap")


class _PromptEnvironment(ImmutableSandboxedEnvironment):
    """jinja2's sandbox keeps a template from reaching out; this one also keeps it from filling the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is for numbers only here, and ** not available")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        return attr not in _GROWING_METHODS and super().is_safe_attribute(obj, attr, value)


def _environment() -> _PromptEnvironment:
    environment = _PromptEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.globals.clear()  # `range` has no place in a prompt, and range(10**9) would stop a worker
    for name in _GROWING_FILTERS:
        del environment.filters[name]
    return environment


_ENVIRONMENT = _environment()


class PromptError(InvalidSpecError):
    """A template that does not parse, or a value that is missing while it renders. `line` is 1 for the first."""

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class UsedVariable:
    """A variable as a template uses it: "task.name"; `line` is 1 for the template's first."""

    name: str
    line: int

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        return self.name


def render(template: str, variables: Mapping[str, object]) -> str:
    """The prompt's text. `variables` are nested: {"team": {"name": ...}, "inputs": {...}, ...}.

    Raises PromptError for a template that does not parse, an undefined variable, or a result over 256 KiB.
    """
    parts: list[str] = []
    size = 0
    _parse(template)
    try:
        for part in _ENVIRONMENT.from_string(template).generate(dict(variables)):
            size += len(part)
            if size > MAX_RENDERED:
                raise PromptError(f"the prompt renders to more than {MAX_RENDERED:,} characters; shorten it")
            parts.append(part)
    except TemplateSyntaxError as error:
        raise _syntax(error) from error
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PromptError(f"the prompt cannot be rendered: {error}") from error
    return "".join(parts)


def unknown_variables(template: str) -> tuple[UsedVariable, ...]:
    """The variables it uses that no prompt has, in the order of their lines. Raises PromptError: does not parse."""
    tree = _parse(template)
    unknown_roots = find_undeclared_variables(tree) - _roots()
    dotted = [used for used in _attributes(tree) if used.root in unknown_roots or _is_unknown(used)]
    told = {used.root for used in dotted}
    names = (UsedVariable(node.name, node.lineno) for node in tree.find_all(nodes.Name))
    bare = [used for used in names if used.root in unknown_roots - told]
    return tuple(sorted({*bare, *dotted}, key=lambda used: (used.line, used.name)))


def required_inputs(template: str) -> tuple[UsedVariable, ...]:
    """The inputs without which it cannot be rendered; those with a default filter or a defined test are not among them.

    Raises PromptError when it does not parse.
    """
    tree = _parse(template)
    optional = {used.name for guard in _guards(tree) for used in _attributes(guard)}
    first: dict[str, UsedVariable] = {}
    for used in _attributes(tree):
        if used.name.startswith(f"{INPUTS}.") and used.name not in optional:
            first.setdefault(used.name, UsedVariable(used.name.partition(".")[2], used.line))
    return tuple(first.values())


@lru_cache(maxsize=256)
def _parse(template: str) -> nodes.Template:
    try:
        tree = _ENVIRONMENT.parse(template)
    except TemplateSyntaxError as error:
        raise _syntax(error) from error
    except RecursionError as error:
        raise PromptError("the prompt is nested too deeply; simplify it") from error
    for node in tree.find_all((nodes.Filter, nodes.Test)):  # compiling would tell too, but it also runs constant parts
        known = _ENVIRONMENT.filters if isinstance(node, nodes.Filter) else _ENVIRONMENT.tests
        if node.name not in known:
            noun = "filter" if isinstance(node, nodes.Filter) else "test"
            message = f'the prompt is not a valid jinja2 template: no {noun} named "{node.name}"'
            raise PromptError(message, line=node.lineno)
    return tree


def _syntax(error: TemplateSyntaxError) -> PromptError:
    return PromptError(f"the prompt is not a valid jinja2 template: {error.message}", line=error.lineno)


def _roots() -> set[str]:
    return {name.partition(".")[0] for name in VARIABLES}


def _is_unknown(used: UsedVariable) -> bool:
    return used.root != INPUTS and used.root in _roots() and used.name not in VARIABLES


def _attributes(tree: nodes.Node) -> Iterator[UsedVariable]:
    """Every `root.attribute` and `root['attribute']`."""
    for node in [tree, *tree.find_all(nodes.Expr)]:
        match node:
            case nodes.Getattr(node=nodes.Name(name=root), attr=attribute):
                yield UsedVariable(f"{root}.{attribute}", node.lineno)
            case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=attribute)):
                yield UsedVariable(f"{root}.{attribute}", node.lineno)


def _guards(tree: nodes.Node) -> Iterator[nodes.Node]:
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in {"default", "d"} and filtered.node is not None:
            yield filtered.node
    for test in tree.find_all(nodes.Test):
        if test.name in {"defined", "undefined"} and isinstance(test.node, nodes.Node):
            yield test.node
