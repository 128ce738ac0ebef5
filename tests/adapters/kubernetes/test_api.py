"""What is no answer of an API server is not taken for one."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from aios.adapters.kubernetes.api import Api
from aios.adapters.kubernetes.connection import Connection, Request
from aios.errors import ServiceUnavailableError


class Proxy:
    """Answers everything with the same page."""

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._page = page

    async def send(self, _: Request) -> tuple[int, Mapping[str, Any]]:
        return 200, self._page


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"message": "<html>\n  Please  log in"}, "<html> Please log in"),
        ({"status": "ok"}, "'status': 'ok'"),
        ({"items": None, "metadata": {"resourceVersion": "1"}}, "'items': None"),
        ({"items": []}, "'items': "),
        ({"items": [], "metadata": {}}, "'metadata': "),
    ],
)
async def test_a_proxys_page_is_no_list(page: Mapping[str, Any], said: str) -> None:
    api = Api(cast("Connection", Proxy(page)))
    with pytest.raises(ServiceUnavailableError, match="list Project: the answer is no list; does a proxy") as told:
        await api.list("Project")
    assert said in str(told.value)
