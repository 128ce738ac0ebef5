"""Knowledge: finds what matches, and nothing that the asker may not see."""

import subprocess
import sys
from pathlib import Path

import pytest

from aios.ports.knowledge import Memory
from aios.spec.vocabulary import Privacy
from tests.contract.implementations import Implementation, KnowledgeClient
from tests.contract.processes import actors

PUBLIC, INTERNAL, RESTRICTED = Privacy


async def _remember(knowledge: KnowledgeClient, text: str, privacy: Privacy = INTERNAL, team: str = "red") -> str:
    return await knowledge.remember("default", team, Memory(text, privacy, "run/task/member"))


async def _found(
    knowledge: KnowledgeClient, query: str, clearance: Privacy = RESTRICTED, team: str = "red"
) -> list[str]:
    return [one.memory.text for one in await knowledge.search("default", team, clearance, query)]


async def test_best_match_comes_first_and_what_does_not_match_never(knowledge: KnowledgeClient) -> None:
    for text in (
        "The parser rejects tabs.",
        "The parser is in parser.py; tabs are fine elsewhere.",
        "Lunch is at noon.",
    ):
        await _remember(knowledge, text)
    recalled = await knowledge.search("default", "red", INTERNAL, "which TABS does it reject? rejects")
    assert [one.memory.text[:18] for one in recalled] == ["The parser rejects", "The parser is in p"]
    assert recalled[0].score > recalled[1].score > 0
    assert recalled[0].memory == Memory("The parser rejects tabs.", INTERNAL, "run/task/member")
    assert await _found(knowledge, "nothing like this") == []
    assert await _found(knowledge, "?! ...") == []


async def test_rare_words_weigh_more_than_common_ones(knowledge: KnowledgeClient) -> None:
    for number in range(8):
        await _remember(knowledge, f"module number {number}")
    await _remember(knowledge, "quaternion notes")
    assert (await _found(knowledge, "module quaternion"))[0] == "quaternion notes"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Die Prüfung schlägt fehl.", "prüfung"),
        ("向量数据库在这里", "数据库"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("snake_case_name", "case"),
    ],
)
async def test_any_language_is_found(knowledge: KnowledgeClient, text: str, query: str) -> None:
    await _remember(knowledge, text)
    assert await _found(knowledge, query) == [text]


async def test_search_never_shows_what_the_clearance_does_not_permit(knowledge: KnowledgeClient) -> None:
    for label in Privacy:
        await _remember(knowledge, f"secret of {label}", label)
    for clearance in Privacy:
        found = await _found(knowledge, "secret", clearance)
        assert sorted(found) == sorted(f"secret of {label}" for label in Privacy if clearance.permits(label))


async def test_search_never_crosses_teams_or_namespaces(knowledge: KnowledgeClient) -> None:
    await _remember(knowledge, "red secret")
    await _remember(knowledge, "blue secret", team="blue")
    await knowledge.remember("other", "red", Memory("other secret", PUBLIC, ""))
    assert await _found(knowledge, "secret") == ["red secret"]
    assert await _found(knowledge, "secret", team="blue") == ["blue secret"]
    await knowledge.forget("default", "red")
    assert await _found(knowledge, "secret") == []
    assert await _found(knowledge, "secret", team="blue") == ["blue secret"]


async def test_same_text_is_kept_once_a_label(knowledge: KnowledgeClient) -> None:
    first = await _remember(knowledge, "same")
    assert await _remember(knowledge, "same") == first
    assert await _remember(knowledge, "same", team="blue") != first
    assert await _remember(knowledge, "same", PUBLIC) != first
    assert await _found(knowledge, "same", INTERNAL) == ["same", "same"]
    assert await _found(knowledge, "same", PUBLIC) == ["same"]


async def test_limit_is_kept(knowledge: KnowledgeClient) -> None:
    for number in range(8):
        await _remember(knowledge, f"same word {number}")
    assert len(await knowledge.search("default", "red", INTERNAL, "word", limit=3)) == 3


async def test_processes_remember_at_the_same_time_and_lose_nothing(
    knowledge_stores: Implementation[KnowledgeClient], knowledge: KnowledgeClient, tmp_path: Path
) -> None:
    with actors(3, "remember", knowledge_stores, tmp_path, "3") as running:
        confirmed = [id_ for process in running for id_ in process.rest()]
    found = await knowledge.search("default", "team", INTERNAL, "common", limit=50)
    assert len(found) == len(set(confirmed)) == 9


def test_searching_where_nothing_was_remembered_needs_no_qdrant(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "sys.modules['qdrant_client'] = None\n"
        "from aios.embedded.knowledge import QdrantKnowledge\n"
        "from aios.errors import MissingExtraError\n"
        "from aios.ports.knowledge import Memory\n"
        "from aios.spec.vocabulary import Privacy\n"
        "async def main():\n"
        f"    knowledge = QdrantKnowledge(pathlib.Path({str(tmp_path)!r}))\n"
        "    assert list(await knowledge.search('n', 't', Privacy.PUBLIC, 'q')) == []\n"
        "    await knowledge.forget('n', 't')\n"
        "    try:\n"
        "        await knowledge.remember('n', 't', Memory('text', Privacy.PUBLIC, ''))\n"
        "    except MissingExtraError as error:\n"
        "        print(error)\n"
        "    await knowledge.close()\n"
        "asyncio.run(main())\n"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert "pip install 'aios-operator[memory]'" in said.stdout
