"""What agents remember: how much of what answers a question is among the first ten, and how long a search takes, in a
folder and over HTTP. The peer is Qdrant's own client with the same points, the same query and the same filter.

No model is needed: the embedder knows which words of the corpus mean the same. Over HTTP a real server answers where
`qdrant` is on PATH; otherwise a stand-in over the client's local mode, whose times speak of our part only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.models import QueryResponse

from aios.adapters.qdrant.connection import QdrantServer
from aios.adapters.qdrant.knowledge import QdrantServerKnowledge
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.qdrant_folder import COLLECTION
from aios.memories.meaning import Dense, vector_name
from aios.memories.points import from_payload, to_point, to_query
from aios.memories.search import Asker, Search, build_search
from aios.ports.knowledge import Knowledge, Memory
from aios.spec.vocabulary import Privacy
from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, take_turns
from tests.benchmarks.memory_topics import Corpus, made
from tests.memories.embedders import HashingEmbedder
from tests.servers.availability import ServerUnavailableError
from tests.servers.identity import Identity
from tests.servers.qdrant import stand_in
from tests.servers.qdrant_program import PORTS, QdrantProcess

NAMESPACE, TEAM, CLEARANCE, FIRST = "bench", "red", Privacy.INTERNAL, 10
PREFIX = "bench"
RECALL, P50, P95, STORE = "recall", "p50_ms", "p95_ms", "store_ms"
OURS, WORDS, RAW = "ours", "words alone", "raw qdrant client"
DIMENSIONS = 768
AGAIN = 50
"""Memories that are stored a second time."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`ask`: the texts found for a question, best first. `store`: keep what may be there already."""

    ask: Callable[[str], Awaitable[Sequence[str]]]
    store: Callable[[Memory], Awaitable[object]]


Open = Callable[[], AbstractAsyncContextManager[Contestant]]


def measure(bench: Bench) -> Iterator[Outcome]:
    """Recall and latency in a folder, then over HTTP."""
    corpus = made(bench.pick(60, 30))
    embedder = HashingEmbedder(corpus.same, dimensions=DIMENSIONS)
    folder = bench.subfolder("folder")
    bench.say(f"   {len(corpus.memories) + len(corpus.hidden):,} memories, half of them hidden from who asks")
    in_folder: dict[str, Open] = {
        OURS: lambda: _ours(QdrantKnowledge(folder, embedder)),
        WORDS: lambda: _ours(QdrantKnowledge(folder), stores=False),
        RAW: lambda: _raw_folder(folder, embedder),
    }
    yield from _compared(bench, "a folder", in_folder, corpus)
    with _server(bench.subfolder("server")) as (url, what):
        served: dict[str, Open] = {
            OURS: lambda: _ours(QdrantServerKnowledge(url, PREFIX, embedder)),
            WORDS: lambda: _ours(QdrantServerKnowledge(url, PREFIX), stores=False),
            RAW: lambda: _raw_server(url, embedder),
        }
        yield from _compared(bench, what, served, corpus)


def _compared(bench: Bench, where: str, contestants: dict[str, Open], corpus: Corpus) -> Iterator[Outcome]:
    asyncio.run(_fill(contestants[OURS], corpus))
    runs = {name: partial(_once, opened, corpus) for name, opened in contestants.items()}
    figures = take_turns(bench.pick(3, 2), runs)
    ours, words, raw = (figures[name] for name in (OURS, WORDS, RAW))
    yield Row(
        what=f"recall@{FIRST}, words and meaning, {where}",
        unit="",
        ours=ours[RECALL],
        peer=Peer(RAW, raw[RECALL]),
        better=Better.HIGHER,
        goal=0.95 * raw[RECALL].value,
        note="0.95x of the raw client: equal ranks fall either way",
    )
    yield Row(
        what=f"recall@{FIRST}, {WORDS}",
        unit="",
        ours=words[RECALL],
        peer=Peer("with an embedder", ours[RECALL]),
        better=Better.HIGHER,
    )
    for metric, what in ((P50, "a search, p50"), (P95, "a search, p95"), (STORE, "storing again, mean")):
        peer = Peer(RAW, raw[metric])
        yield Row(what=f"{what}, {where}", unit="ms", ours=ours[metric], peer=peer, better=Better.LOWER)
    yield Row(what=f"a search by {WORDS}, p50", unit="ms", ours=words[P50], better=Better.LOWER)


async def _fill(opened: Open, corpus: Corpus) -> None:
    async with opened() as contestant:
        for memory in (*corpus.memories, *corpus.hidden):
            await contestant.store(memory)


def _once(opened: Open, corpus: Corpus) -> Metrics:
    return asyncio.run(_answered(opened, corpus))


async def _answered(opened: Open, corpus: Corpus) -> Metrics:
    hidden = {memory.text for memory in corpus.hidden}
    recalls: list[float] = []
    took: list[float] = []
    async with opened() as contestant:
        await contestant.ask(corpus.questions[0].text)  # what everybody opens once: connections, points of a folder
        for question in corpus.questions:
            started = time.perf_counter()
            found = await contestant.ask(question.text)
            took.append(1_000 * (time.perf_counter() - started))
            if not hidden.isdisjoint(found):
                raise AssertionError("a search showed what its clearance does not permit")
            recalls.append(len(question.wanted.intersection(found)) / len(question.wanted))
        started = time.perf_counter()
        for memory in corpus.memories[:AGAIN]:
            await contestant.store(memory)
        stored = 1_000 * (time.perf_counter() - started) / AGAIN
    took.sort()
    return {RECALL: mean(recalls), P50: took[len(took) // 2], P95: took[int(len(took) * 0.95)], STORE: stored}


@asynccontextmanager
async def _ours(
    knowledge: QdrantKnowledge | QdrantServerKnowledge, *, stores: bool = True
) -> AsyncIterator[Contestant]:
    """`stores` False: what it stored again would have no meaning for the others to find."""
    port: Knowledge = knowledge

    async def ask(text: str) -> Sequence[str]:
        found = await port.search(NAMESPACE, TEAM, CLEARANCE, text, limit=FIRST)
        return [one.memory.text for one in found]

    async def store(memory: Memory) -> None:
        if stores:
            await port.remember(NAMESPACE, TEAM, memory)

    yield Contestant(ask, store)
    await knowledge.close()


@asynccontextmanager
async def _raw_folder(folder: Path, embedder: HashingEmbedder) -> AsyncIterator[Contestant]:
    client = QdrantClient(path=str(folder / "store"))

    async def ask(text: str) -> Sequence[str]:
        return _texts(client.query_points(COLLECTION, **_query(embedder, text)))  # type: ignore[arg-type]

    async def store(memory: Memory) -> None:
        client.upsert(COLLECTION, [to_point(NAMESPACE, TEAM, memory, _dense(embedder, memory.text))])

    yield Contestant(ask, store)
    client.close()


@asynccontextmanager
async def _raw_server(url: str, embedder: HashingEmbedder) -> AsyncIterator[Contestant]:
    server, collection = QdrantServer(url), f"{PREFIX}-memories"
    key = url.partition("://:")[2].partition("@")[0]
    client = AsyncQdrantClient(url=server.address, api_key=key, timeout=10, check_compatibility=False)

    async def ask(text: str) -> Sequence[str]:
        return _texts(await client.query_points(collection, **_query(embedder, text)))  # type: ignore[arg-type]

    async def store(memory: Memory) -> None:
        points = [to_point(NAMESPACE, TEAM, memory, _dense(embedder, memory.text))]
        await client.upsert(collection, points, wait=True)

    yield Contestant(ask, store)
    await client.close()


def _query(embedder: HashingEmbedder, text: str) -> dict[str, object]:
    words = to_query(text)
    assert words is not None
    asked: Search = build_search(Asker(NAMESPACE, TEAM, CLEARANCE), words, _dense(embedder, text), FIRST)
    return {"query": asked.query, "prefetch": asked.prefetch, "query_filter": asked.filter, "limit": asked.limit}


def _dense(embedder: HashingEmbedder, text: str) -> Dense:
    values = embedder.vector(text)
    return Dense(vector_name(embedder.name, len(values)), values, embedder.least)


def _texts(found: QueryResponse) -> Sequence[str]:
    return [from_payload(point.payload or {}).text for point in found.points]


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, str]]:
    """Its URL and what it is."""
    try:
        process = QdrantProcess(folder, Identity.fresh(PORTS))
    except ServerUnavailableError:
        with stand_in(folder) as url:
            yield url, "HTTP to a stand-in"
        return
    try:
        yield process.url, "a Qdrant server"
    finally:
        process.process.stop()
