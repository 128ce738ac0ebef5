"""A model's status shows what depends on other fields."""

from aios.spec.base import Kind
from aios.spec.conditions import ConditionType, Reason
from aios.spec.model import Model
from aios.spec.vocabulary import Locality, Privacy
from tests.desired.building import PRICES, config_map, model, ref, source
from tests.reconcile.laptop import Laptop

MODEL = ref(Kind.MODEL, "local")


async def test_effective_locality_and_clearance_stand_in_status(laptop: Laptop) -> None:
    await laptop.apply(model(), model("strong", locality="Cloud", prices=PRICES))
    await laptop.settle()
    shown = {
        item.metadata.name: item.status for item in await laptop.resources.list(Kind.MODEL) if isinstance(item, Model)
    }
    assert (shown["local"].locality, shown["local"].clearance) == (Locality.LOCAL, Privacy.RESTRICTED)
    assert (shown["strong"].locality, shown["strong"].clearance) == (Locality.CLOUD, Privacy.INTERNAL)
    assert shown["local"].ready == "True"


async def test_a_script_that_is_missing_stalls_it_until_it_comes(laptop: Laptop) -> None:
    await laptop.apply(model(script=None, scriptFrom=source("s")))
    await laptop.settle()
    assert (await laptop.condition(MODEL, ConditionType.STALLED)).reason == Reason.CONFIG_MAP_KEY_NOT_FOUND
    assert laptop.reconciler.affected(ref(Kind.CONFIG_MAP, "texts")) == (MODEL,)
    await laptop.apply(config_map(s="- reply: hello"))
    await laptop.settle()
    assert (await laptop.condition(MODEL)).status == "True"
