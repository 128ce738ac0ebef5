"""Which programs teams and projects need on their workers' machines, and for what. Pure: `doctor` looks them up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aios.spec.project import Project
from aios.spec.team import AgentTeam


def needed(teams: Iterable[AgentTeam], projects: Iterable[Project]) -> Mapping[str, Sequence[str]]:
    """By program, who needs it: members in run.allow, tasks for their check."""
    needs: dict[str, list[str]] = {}
    for program, who in (*_allowed(teams), *_checks(projects)):
        needs.setdefault(program, []).append(who)
    return needs


def _allowed(teams: Iterable[AgentTeam]) -> Iterator[tuple[str, str]]:
    for team in teams:
        for member in team.spec.members:
            for program in dict.fromkeys(member.run.allow):
                yield program, f"member {member.name} of {team.metadata.name}"


def _checks(projects: Iterable[Project]) -> Iterator[tuple[str, str]]:
    for project in projects:
        for task in project.spec.tasks:
            if task.check is not None:
                yield task.check.run[0], f"the check of {project.metadata.name}/{task.name}"
