"""AgentWorker: one replica of a member. It takes a doorbell, claims the attempt, works, and rings back.

The order that survives kill -9 anywhere: Claimed, ack, the work's own records, HEAD, Ended, doorbell. A doorbell that
is lost is found by the engine's sweep; one that rings twice finds the attempt ended or leased. Refuses to let the
broker decide anything: losing its connection cancels no work, and no message says more than which attempt is meant.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event

from aios.agents.answering import answering
from aios.agents.assignment import Assignment, Doorbell, StrayDoorbellError, read_assignment
from aios.agents.attempt import Attempt, Means
from aios.agents.heartbeat import Heartbeat
from aios.agents.ports import AgentPorts
from aios.agents.results import result
from aios.agents.task_time import TaskTime
from aios.agents.timings import Timings
from aios.agents.vigil import leased, watched, yielding
from aios.desired.nouns import WorkerConfig, WorkerModel
from aios.errors import (
    AiosError,
    ConflictError,
    DivergedError,
    EnvironmentProblemError,
    FencedError,
    InDoubtError,
    ModelCallError,
    NotFoundError,
    PrivacyError,
    ServiceUnavailableError,
    UnroutableError,
    disk_of,
)
from aios.models.admission import Admission, SharedAdmission
from aios.models.attempt_log import AttemptLog
from aios.models.gate import Caller, Gate
from aios.models.reply_cache import ReplyCache
from aios.models.unusable import UnusableAnswerError
from aios.naming import (
    ENDED_AT,
    attempt_lease,
    digest,
    engine_queue,
    message_id,
    queue_name,
    worker_session,
    workspace_prefix,
)
from aios.parallel import first_of
from aios.ports.broker import Consumer, Delivery, Message
from aios.ports.chat_model import ChatModel
from aios.ports.clock import Clock, SystemClock
from aios.spec.prompts import PromptError
from aios.spec.vocabulary import seconds
from aios.tasks.attempt_events import Ended
from aios.tasks.result import Outcome
from aios.telemetry import ATTEMPT_SECONDS, ATTEMPTS_ENDED, COST, TOKENS, bound
from aios.workspace.folder import remove
from aios.workspace.paths import WorkspaceLimitError
from aios.workspace.store import Workspace

logger = logging.getLogger(__name__)

POISON_CLAIMS = 5
"""Claims in a row that got no further before the attempt is called poisoned: it kills whoever works on it."""
RINGS = 3
LONGEST_GIVEN_BACK = 4
"""How often the pause before an attempt is given back is doubled."""
LONGER_TIMES = 3
"""How often the pause of an attempt that waits for a service is doubled."""
_PRELOADED = Event()

_OUTCOMES: tuple[tuple[type[AiosError], Outcome], ...] = (
    (PrivacyError, Outcome.OUTGREW_CLEARANCE),
    (DivergedError, Outcome.DIVERGED),
    (InDoubtError, Outcome.IN_DOUBT),
    (ConflictError, Outcome.CONFLICT),
    (WorkspaceLimitError, Outcome.CONFLICT),
    (UnusableAnswerError, Outcome.UNUSABLE_ANSWER),
    (ModelCallError, Outcome.MODEL_ERROR),
    (PromptError, Outcome.MODEL_ERROR),
    (EnvironmentProblemError, Outcome.ENVIRONMENT),
    (NotFoundError, Outcome.ENVIRONMENT),
)
"""What ends an attempt. Any other error ends only this claim: the attempt is claimed again, until it is poisoned."""


def preload() -> None:
    """Import and compile what the first task needs (about a second). For a thread, while the process has time."""
    from aios.agents.graph import compiled

    compiled()
    _PRELOADED.set()


class AgentWorker:
    """One slot: it works on one attempt at a time."""

    def __init__(
        self,
        config: WorkerConfig,
        worker_id: str,
        ports: AgentPorts,
        chat: Callable[[WorkerModel], ChatModel],
        *,
        scratch: Path,
        clock: Clock | None = None,
        timings: Timings | None = None,
    ) -> None:
        """`scratch` is a local folder for working copies, which may be shared with other workers and may vanish."""
        self._config = config
        self._id = worker_id
        self._ports = ports
        self._chat = chat
        self._scratch = scratch
        self._clock = clock or SystemClock()
        self._timings = timings or Timings()
        self._given_back = 0
        """Attempts in a row for whose model this worker has no configuration."""
        session = worker_session(config.namespace, config.agent, worker_id)
        self._heartbeat = Heartbeat(ports.sessions, session, timings=self._timings, clock=self._clock)

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Take and do tasks until `stop` is set; then finish the one in flight and return.

        Calls `ready()` whenever it starts to listen. Services that are away are waited for. Cancelling it ends the
        work in flight at once, without a record: the attempt is resumed by whoever claims it next.
        """
        queue = queue_name(self._config.namespace, self._config.team, self._config.member.name)
        away = False
        with bound(namespace=self._config.namespace, agent=self._config.agent, worker=self._id):
            async with self._heartbeat.beating():
                while not stop.is_set():
                    try:
                        async with self._ports.broker.consume(queue) as consumer:
                            if away:
                                logger.info("queue %s: listening again", queue)
                            away = False
                            ready()
                            await self._listen(consumer, stop)
                    except (ServiceUnavailableError, UnroutableError) as error:
                        away = True
                        logger.warning("queue %s: %s; trying again", queue, error)
                        await first_of(stop.wait(), self._clock.sleep(self._timings.outage))

    async def _listen(self, consumer: Consumer, stop: asyncio.Event) -> None:
        while not stop.is_set():
            delivery = await first_of(consumer.receive(), stop.wait())
            if delivery is None:
                raise ServiceUnavailableError("the consumer was closed")
            if not isinstance(delivery, bool):
                await self._serve(delivery, stop)

    async def _serve(self, delivery: Delivery, stop: asyncio.Event) -> None:
        """See one doorbell through. Only errors of the broker itself pass."""
        try:
            bell = Doorbell.from_body(delivery.message.body)
            with bound(run=bell.run, task=bell.task, attempt=str(bell.attempt)):
                try:
                    await self._answer(bell, delivery, stop)
                except ServiceUnavailableError as error:
                    logger.warning("a service is away: %s", error)
                    await self._give_bell_back(bell, delivery, stop)
        except StrayDoorbellError as error:
            logger.warning("dropped a doorbell: %s", error)
            await delivery.ack()
        except FencedError as error:
            logger.info("%s", error)
            await delivery.ack()
        except ServiceUnavailableError:
            raise
        except Exception:  # a defect ends this claim, is logged, and becomes POISONED if it repeats
            logger.exception("the attempt was given up; it will be claimed again")
            await delivery.ack()

    async def _give_bell_back(self, bell: Doorbell, delivery: Delivery, stop: asyncio.Event) -> None:
        """Once the services answer again: a doorbell that is given back fifty times counts as a deadly one."""
        await answering(self._ports, bell, stop, timings=self._timings, clock=self._clock)
        await delivery.nack(requeue=True)
        await self._clock.sleep(self._timings.outage)

    async def _answer(self, bell: Doorbell, delivery: Delivery, stop: asyncio.Event) -> None:
        log = await AttemptLog.open(self._ports.journal, bell.stream, sleep=self._clock.sleep)
        if log.ended is not None:
            await self._ring(bell, log.ended_at)
            await delivery.ack()
            return
        if not _PRELOADED.is_set():
            # Before the claim: seconds of imports are not the task's time, and who dies in them has not touched it.
            await asyncio.to_thread(preload)
        assignment = await read_assignment(self._ports.journal, bell)
        lease = attempt_lease(bell.run, bell.task, bell.attempt)
        async with leased(self._ports.leases, lease, self._id, timings=self._timings, clock=self._clock) as mine:
            if not mine:
                await delivery.ack()
                return
            if log.fruitless >= POISON_CLAIMS:
                await log.append(
                    Ended(result=result(log, Outcome.POISONED, self._poisoned(log), kind=assignment.task.kind))
                )
                await delivery.ack()
            else:
                epoch = await log.claim(self._id)
                await delivery.ack()
                await self._work(assignment, log, epoch, stop)
        # Without the lease: should the broker confirm nothing for long, sweeps look at attempts that nobody holds.
        await self._conclude(bell, log)

    def _poisoned(self, log: AttemptLog) -> str:
        intended = "; its files may be in the workspace already" if log.intent else ""
        return (
            f"{log.fruitless} workers in a row got no further in this attempt; the last records are in {log.stream}, "
            f"the reason in the workers' logs{intended}"
        )

    async def _work(self, assignment: Assignment, log: AttemptLog, epoch: int, stop: asyncio.Event) -> None:
        bell = assignment.bell
        logger.info("attempt claimed, epoch %d, model %s", epoch, assignment.model)
        model = next((model for model in self._config.models if model.name == assignment.model), None)
        if model is None:
            await self._give_back(assignment, log, stop)
            return
        self._given_back = 0
        self._heartbeat.show(f"{assignment.project}/{bell.task}")
        try:
            async with self._folder(log.stream, epoch) as folder, yielding(stop, log, epoch, self._id):
                time = TaskTime(seconds(self._config.limits.task_timeout), stop)
                attempt = Attempt(self._means(assignment, model, log, folder, time), log)
                work = asyncio.create_task(self._attempt(attempt, epoch, time))
                await watched(work, log, self._ports.journal, timings=self._timings, clock=self._clock)
        finally:
            self._heartbeat.show("")

    async def _give_back(self, assignment: Assignment, log: AttemptLog, stop: asyncio.Event) -> None:
        """The team has changed: either the engine knows it already and this worker not yet, or the other way round. It
        is routed again and nobody's failure. Later each time, for the new configuration may be minutes away."""
        self._given_back += 1
        pause = self._timings.outage * 2 ** min(self._given_back, LONGEST_GIVEN_BACK)
        await first_of(stop.wait(), self._clock.sleep(pause))
        message = f"this worker has no model {assignment.model!r}: the team has changed, and not everybody knows it yet"
        logger.warning("%s", message)
        await log.append(Ended(result=result(log, Outcome.WITHDRAWN, message, kind=assignment.task.kind)))

    async def _attempt(self, attempt: Attempt, epoch: int, time: TaskTime) -> None:
        """Work until Ended is recorded."""
        try:
            async with time.running():
                outages = 0
                while not await self._phases_served(attempt, outages):
                    outages += 1
                    await attempt.log.reclaim(epoch, self._id)
        except TimeoutError:
            if not time.is_up:
                raise
            await attempt.end(Outcome.TIMED_OUT, time.told(self._config.limits.task_timeout))
        except tuple(kind for kind, _ in _OUTCOMES) as error:
            outcome = next(outcome for kind, outcome in _OUTCOMES if isinstance(error, kind))
            await attempt.end(outcome, str(error))

    async def _phases_served(self, attempt: Attempt, outages: int) -> bool:
        """Whether every service was there. If not, the attempt goes on from its record in a moment: an outage is not
        the attempt's fault and must not poison it. The task's timeout bounds the waiting."""
        try:
            with disk_of(self._scratch):
                await self._phases(attempt)
        except ServiceUnavailableError as error:
            logger.warning("a service is away, the attempt waits for it: %s", error)
            attempt.start_over()
            # Longer each time: every return leaves a record, and an outage may last a day.
            await self._clock.sleep(self._timings.outage * 2 ** min(outages, LONGER_TIMES))
            return False
        return True

    async def _phases(self, attempt: Attempt) -> None:
        if attempt.log.intent is not None:
            await (
                attempt.finish()
            )  # a claimant before us was about to move HEAD: nothing is left but to roll it forward
            return
        from aios.agents.graph import run

        await run(attempt, self._ports.sessions, clock=self._clock, every=self._timings.checkpoint)

    def _means(
        self, assignment: Assignment, model: WorkerModel, log: AttemptLog, folder: Path, time: TaskTime
    ) -> Means:
        caller = Caller(
            key=assignment.bell.key,
            member=self._config.member.name,
            clearance=self._config.member.clearance,
            model=model.name,
            spec=model.spec,
            on_in_doubt=self._config.limits.on_in_doubt,
        )
        prefix = workspace_prefix(assignment.namespace, assignment.project)
        return Means(
            config=self._config,
            assignment=assignment,
            ports=self._ports,
            workspace=Workspace(
                self._ports.objects, prefix, sleep=self._clock.sleep, turn=self._ports.turns.at(prefix)
            ),
            caller=caller,
            gate=Gate(
                log,
                self._chat(model),
                caller,
                self._clock,
                self._admission(model, time),
                replies=self._replies(assignment.bell.attempt),
                say=self._heartbeat.trouble,
            ),
            clock=self._clock,
            folder=folder / "files",
            committing=time.lift,
        )

    def _replies(self, attempt: int) -> ReplyCache | None:
        """For first attempts alone: what failed once would fail the same way again."""
        config = self._config
        kept = seconds(config.limits.reply_cache or "")
        if not kept or attempt > 1:
            return None
        return ReplyCache(self._ports.sessions, config.namespace, config.team, ttl=kept)

    def _admission(self, model: WorkerModel, time: TaskTime) -> Admission:
        return SharedAdmission(
            self._ports.sessions,
            self._ports.leases,
            self._clock,
            namespace=self._config.namespace,
            model=model.name,
            spec=model.spec,
            say=self._heartbeat.wait,
            waiting=time.standing_still,
        )

    @contextlib.asynccontextmanager
    async def _folder(self, stream: str, epoch: int) -> AsyncIterator[Path]:
        """A folder of this claim's own, so that a zombie on the same machine writes into another; what earlier claims
        left behind is swept."""
        name = digest(stream)[:16]
        if epoch > 1:
            await asyncio.to_thread(_sweep, self._scratch, name)
        folder = self._scratch / f"{name}-{epoch}"
        try:
            yield folder  # made by who writes into it, who can wait for room on a full disk
        finally:
            await asyncio.to_thread(remove, folder)

    async def _conclude(self, bell: Doorbell, log: AttemptLog) -> None:
        """Ring if the attempt is over; if not, it is somebody else's or will be claimed again."""
        if log.ended is None:
            return
        ended = log.ended.result
        logger.info("attempt ended: %s", ended.outcome)
        ATTEMPTS_ENDED.labels(outcome=ended.outcome).inc()
        ATTEMPT_SECONDS.observe(ended.seconds)
        TOKENS.labels(direction="input").inc(ended.spend.input_tokens)
        TOKENS.labels(direction="output").inc(ended.spend.output_tokens)
        COST.inc(float(ended.spend.cost))
        await self._ring(bell, log.ended_at)

    async def _ring(self, bell: Doorbell, ended_at: int) -> None:
        """Tell the engine; if the broker stays away, its sweep finds the end."""
        message = Message(message_id(bell.run, bell.task, bell.attempt, "ended"), {**bell.body, ENDED_AT: ended_at})
        for _ in range(RINGS):
            try:
                await self._ports.broker.publish(engine_queue(self._config.namespace), message)
            except (ServiceUnavailableError, UnroutableError) as error:
                logger.warning("could not ring the engine: %s", error)
                await self._clock.sleep(self._timings.outage)
            else:
                return


def _sweep(scratch: Path, name: str) -> None:
    for left in scratch.glob(f"{name}-*"):
        remove(left)
