"""A routing decision as text, for `aios plan --explain` and `aios describe`. Prints nothing."""

from aios.routing.candidates import Need, NoRoute, Route


def explain(subject: str, need: Need, decision: Route | NoRoute) -> str:
    """Several lines: what is asked, then the choice marked with an arrow, then every rejected candidate.

    word-count/implement  privacy Internal, complexity 5
      -> developer/local    free, capability 5 >= 5, cleared
         developer/strong   permitted, dearer: $3.00/$15.00
    """
    rows = [("  ", f"{one.member}/{one.model}", one.sentence) for one in decision.rejected]
    if isinstance(decision, Route):
        rows.insert(0, ("->", f"{decision.member}/{decision.model}", decision.reason))
    width = max((len(name) for _, name, _ in rows), default=0)
    lines = [f"{subject}  privacy {need.privacy}, complexity {need.complexity}"]
    if isinstance(decision, NoRoute):
        lines.append(f"  waits: {decision.reason}")
    lines += [f"  {mark} {name.ljust(width)}   {reason}" for mark, name, reason in rows]
    return "\n".join(lines)
