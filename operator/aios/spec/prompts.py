"""Prompt templates: which variables there are, and how a template becomes text.

Templates come from users and inputs come from anywhere, so rendering is sandboxed and bounded and a variable nobody
defined is an error, never an empty string. It refuses to offer anything but values: no files, no environment, no
includes.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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
TASK_LISTS = frozenset({"dependsOn", "outputs"})
"""Those of a task's variables that are lists."""

MAX_TEMPLATE = 262_144
"""Characters. Whoever reads a ConfigMap parses what is in it, the operator among them, and nobody else is served
meanwhile."""
MAX_RENDERED = 262_144
_GROWING_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"})
_GROWING_FILTERS = ("center", "format", "indent", "wordwrap")
_DEFAULT = frozenset({"default", "d"})
_LOOKING_METHODS = frozenset({"get", "items", "keys", "values"})
"""What a template may call on the inputs as a whole."""


_PERHAPS = (nodes.If, nodes.CondExpr, nodes.For, nodes.Macro, nodes.CallBlock, nodes.And, nodes.Or, nodes.Test)
"""What may leave some of its parts out."""


class _PromptEnvironment(ImmutableSandboxedEnvironment):
    """jinja2's sandbox keeps a template from reaching out; this one also keeps it from filling the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is for numbers only here, and ** not available")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What the inputs say comes before what a dict can do: an input may be named `copy`."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

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


@dataclass(frozen=True, slots=True)
class UsedEntry:
    """An entry of one of the task's lists: "dependsOn", of which there must be at least `least`; `line` as above."""

    field: str
    text: str
    least: int
    line: int


@contextmanager
def _not_too_deep() -> Iterator[None]:
    """Whatever walks a template may meet one that is nested more deeply than Python can follow."""
    try:
        yield
    except RecursionError as error:
        raise PromptError("the prompt is nested too deeply; simplify it") from error


@_not_too_deep()
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
    except SyntaxError as error:  # jinja2 compiles a template to Python, which has limits of its own
        raise PromptError(f"the prompt is nested too deeply ({error.msg}); simplify it") from error
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PromptError(f"the prompt cannot be rendered: {error}") from error
    return "".join(parts)


@_not_too_deep()
def unknown_variables(template: str) -> tuple[UsedVariable, ...]:
    """The variables it uses that no prompt has, in the order of their lines. Raises PromptError: does not parse."""
    tree = _parse(template)
    unknown_roots = find_undeclared_variables(tree) - _roots()
    dotted = [used for used in _attributes(tree) if used.root in unknown_roots or _is_unknown(used)]
    told = {used.root for used in dotted}
    names = (UsedVariable(node.name, node.lineno) for node in tree.find_all(nodes.Name))
    bare = [used for used in names if used.root in unknown_roots - told]
    return tuple(sorted({*bare, *dotted}, key=lambda used: (used.line, used.name)))


@_not_too_deep()
def required_inputs(template: str) -> tuple[UsedVariable, ...]:
    """The inputs without which it cannot be rendered as it is meant; those with a default filter or a defined test are
    not among them, nor is what `inputs.get` is given a default for or is asked in a condition.

    Raises PromptError when it does not parse.
    """
    tree = _parse(template)
    optional = {used.name for guard in _guards(tree) for used in _attributes(guard)}
    optional |= {used.name for asked in _conditions(tree) for used in _gotten(asked)}
    optional |= {used.name for kept in tree.find_all(nodes.Assign) for used in _gotten(kept)}
    optional |= set(_looked_for(tree))
    called = {id(call.node) for call in tree.find_all(nodes.Call) if _looks(call)}
    first: dict[str, UsedVariable] = {}
    for used in (*_attributes(tree, besides=called), *_gotten(tree)):
        if used.name.startswith(f"{INPUTS}.") and used.name not in optional:
            first.setdefault(used.name, UsedVariable(used.name.partition(".")[2], used.line))
    return tuple(first.values())


@_not_too_deep()
def required_entries(template: str) -> tuple[UsedEntry, ...]:
    """The entries of a task's lists without which no text can be made of it: what it prints in any case, inside of no
    condition and no loop. Nothing is rendered to find out, for a template may take any time and memory.

    Raises PromptError when it does not parse.
    """
    printed = (node for node in _always(_parse(template)) if isinstance(node, nodes.Output))
    return tuple(entry for output in printed for node in _always(output) if (entry := _entry(node)) is not None)


@lru_cache(maxsize=256)
@_not_too_deep()
def _parse(template: str) -> nodes.Template:
    if len(template) > MAX_TEMPLATE:
        raise PromptError(
            f"the prompt has {len(template):,} characters; at most {MAX_TEMPLATE:,} are allowed: shorten it, and let "
            "the agent read long texts as files of the workspace"
        )
    try:
        tree = _ENVIRONMENT.parse(template)
    except TemplateSyntaxError as error:
        raise _syntax(error) from error
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


def _attributes(tree: nodes.Node, *, besides: Collection[int] = ()) -> Iterator[UsedVariable]:
    """Every `root.attribute` and `root['attribute']`, but for the nodes with the ids `besides`."""
    for node in [tree, *tree.find_all(nodes.Expr)]:
        match node:
            case _ if id(node) in besides:
                continue
            case nodes.Getattr(node=nodes.Name(name=root), attr=attribute):
                yield UsedVariable(f"{root}.{attribute}", node.lineno)
            case nodes.Getitem(node=nodes.Name(name=root), arg=nodes.Const(value=attribute)):
                yield UsedVariable(f"{root}.{attribute}", node.lineno)


def _looks(call: nodes.Call) -> bool:
    """Whether it asks the inputs as a whole, as `inputs.items()` does."""
    match call.node:
        case nodes.Getattr(node=nodes.Name(name=root), attr=method):
            return root == INPUTS and method in _LOOKING_METHODS
    return False


def _gotten(tree: nodes.Node) -> Iterator[UsedVariable]:
    """Every `inputs.get('name')` that states no default: where there is no such input it gives "None"."""
    for call in [tree, *tree.find_all(nodes.Call)]:
        match call:
            case nodes.Call(node=nodes.Getattr(attr="get"), args=[nodes.Const(value=name)], kwargs=[]) if _looks(call):
                yield UsedVariable(f"{INPUTS}.{name}", call.lineno)


def _looked_for(tree: nodes.Node) -> Iterator[str]:
    """Every input that is asked for by `'name' in inputs`."""
    for compared in tree.find_all(nodes.Compare):
        match compared:
            case nodes.Compare(
                expr=nodes.Const(value=name), ops=[nodes.Operand(op="in" | "notin", expr=nodes.Name(name=root))]
            ) if root == INPUTS:
                yield f"{INPUTS}.{name}"


def _conditions(tree: nodes.Node) -> Iterator[nodes.Node]:
    """What a template decides by, where "None" means no."""
    yield from (chosen.test for chosen in tree.find_all(nodes.If))
    yield from (chosen.test for chosen in tree.find_all(nodes.CondExpr))
    for either in tree.find_all(nodes.Or):
        yield either.left
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in _DEFAULT and len(filtered.args) > 1 and filtered.node is not None:
            yield filtered.node  # its second argument makes the filter stand in for None, too


def _always(tree: nodes.Node) -> Iterator[nodes.Node]:
    """What is evaluated whenever `tree` is, itself included."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _PERHAPS) or (isinstance(node, nodes.Filter) and node.name in _DEFAULT):
            continue
        yield node
        waiting.extend(node.iter_child_nodes())


def _entry(node: nodes.Node) -> UsedEntry | None:
    match node:
        case nodes.Getitem(node=nodes.Node() as of, arg=nodes.Const(value=int(at))):
            least, text = at + 1, f"[{at}]"
        case nodes.Getitem(node=nodes.Node() as of, arg=nodes.Neg(node=nodes.Const(value=int(back)))):
            least, text = back, f"[-{back}]"
        case nodes.Filter(name="first" | "last" as end, node=nodes.Node() as of):
            least, text = 1, f" | {end}"
        case _:
            return None
    match of:
        case nodes.Getattr(node=nodes.Name(name="task"), attr=field) if field in TASK_LISTS:
            return UsedEntry(field, f"task.{field}{text}", least, node.lineno)
    return None


def _guards(tree: nodes.Node) -> Iterator[nodes.Node]:
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in _DEFAULT and filtered.node is not None:
            yield filtered.node
    for test in tree.find_all(nodes.Test):
        if test.name in {"defined", "undefined"} and isinstance(test.node, nodes.Node):
            yield test.node
