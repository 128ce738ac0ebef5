"""When the operator asks to be restarted, and when it says that it can be relied on."""

from aios.controller.health import Health


class Moment:
    def __init__(self) -> None:
        self.now = 1000.0
        self.longest = 0.0
        self.health = Health(["models", "pods"], lambda: self.now, lambda: self.longest)

    def pass_time(self, seconds: float) -> None:
        """The main loop turns meanwhile."""
        self.now += seconds
        self.health.beat()


def test_it_is_ready_once_every_kind_is_watched() -> None:
    moment = Moment()
    moment.health.watching()
    assert not moment.health.is_ready()
    moment.health.answered("models")
    assert not moment.health.is_ready()
    moment.health.answered("pods")
    assert moment.health.is_ready()


def test_one_black_holed_watch_is_enough_to_be_restarted() -> None:
    moment = Moment()
    moment.health.watching()
    moment.health.answered("pods")
    for _ in range(4):
        moment.pass_time(45)
        moment.health.answered("models")
    assert not moment.health.is_alive()
    assert moment.health.ages() == {"models": 0.0, "pods": 180.0}


def test_a_watch_that_was_never_answered_counts_from_the_start_of_watching() -> None:
    moment = Moment()
    moment.pass_time(1000)
    moment.health.watching()
    moment.pass_time(100)
    assert moment.health.is_alive()
    moment.pass_time(100)
    assert not moment.health.is_alive()


def test_a_standby_lives_and_is_not_ready() -> None:
    moment = Moment()
    moment.pass_time(10_000)
    assert moment.health.is_alive()
    assert not moment.health.is_ready()


def test_a_loop_that_does_not_turn_and_a_key_that_never_ends_are_seen() -> None:
    moment = Moment()
    moment.now += 61
    assert not moment.health.is_alive()
    moment.pass_time(0)
    assert moment.health.is_alive()
    moment.longest = 301
    assert not moment.health.is_alive()
