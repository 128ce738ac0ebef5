"""Model: judged, never called. Its status shows the defaults that depend on other fields."""

from aios.reconcile.conditions import ready, stalled_by, to_conditions
from aios.reconcile.world import Reading, World, publish, ready_columns
from aios.spec.conditions import Reason
from aios.spec.model import Model, ModelStatus
from aios.spec.rules import model_problems


async def reconcile_model(world: World, model: Model, reading: Reading) -> None:
    """Validate and write the status."""
    found = await reading.closure(model)
    problems = model_problems(model, found.get)
    findings = stalled_by(problems) if problems else ready(Reason.ACCEPTED)
    generation = model.metadata.generation
    conditions = to_conditions(findings, model.status.conditions, generation=generation, now=world.clock.now())
    status = ModelStatus(
        observed_generation=generation,
        conditions=conditions,
        locality=model.spec.effective_locality,
        clearance=model.spec.effective_clearance,
        **ready_columns(conditions),
    )
    await publish(world, model, status)
