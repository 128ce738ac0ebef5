"""The battery of faults, short: small tasks over real services, everything that can break broken, nothing lost.

`make faults` ends with the long form: 10,000 tasks and 1,000 kills. `tests.faults.battery.size` says how to ask for
other numbers; a round that goes wrong prints the command that repeats it.
"""

from pathlib import Path

import pytest

from tests.faults.battery.rounds import fight_all
from tests.faults.battery.size import short_size
from tests.faults.battery.verdict import Verdict
from tests.servers.availability import ServerUnavailableError, skip_or_fail

SIZE = short_size()


@pytest.mark.timeout(500 + 10 * SIZE.kills + SIZE.tasks)
def test_whatever_breaks_nothing_is_lost_repeated_committed_twice_or_given_up(tmp_path: Path) -> None:
    try:
        total = fight_all(SIZE, tmp_path)
    except ServerUnavailableError as error:
        skip_or_fail(error)
    held = Verdict(in_doubt=total.in_doubt, tasks=SIZE.tasks, kills=total.kills)
    assert total == held, "\n".join(total.wrong)
    assert total.wrong == ()
    assert total.kills >= SIZE.kills * 2 // 3, "too few died for this to mean anything"
