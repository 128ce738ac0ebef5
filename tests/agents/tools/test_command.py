"""Commands: only allowed names, a clean world, hard limits, and nothing that survives."""

import asyncio
import errno
import itertools
import os
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aios.agents.tools.command import KEPT, CommandRefusedError, Limits, looked_in, run, search_path, which
from aios.errors import EnvironmentProblemError, ServiceUnavailableError

MEGABYTE = 1024**2
OURS = f".{os.getpid():07d}"
"""Of a second, in what is slept here: so that nothing of another run on this machine is taken for this one's."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "files"
    place.mkdir()
    return place


async def python(program: str, folder: Path, **limits: float) -> tuple[int, str]:
    ran = await run(
        ["python3", "-c", textwrap.dedent(program)],
        folder,
        allow=["python3"],
        limits=Limits(
            seconds=limits.get("seconds", 20.0),
            memory=int(limits.get("memory", 2048 * MEGABYTE)),
            file=int(limits.get("file", MEGABYTE)),
        ),
    )
    return ran.exit_code, ran.output


def running(mark: str) -> bool:
    said = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return any(mark in line and "ps -eo" not in line for line in said.splitlines())


async def until(true: Callable[[], bool]) -> None:
    """Wait for what other processes do; fails the test after 30 seconds."""
    deadline = time.monotonic() + 30
    for pause in itertools.repeat(0.02):
        if true():
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(pause)


@pytest.mark.parametrize("program", ["sh", "/usr/bin/python3", "./python3", "../python3", "python", ""])
async def test_only_allowed_names_are_started(program: str, folder: Path) -> None:
    with pytest.raises(CommandRefusedError, match="allowed: python3"):
        await run([program, "-c", "pass"], folder, allow=["python3"])


async def test_a_path_is_refused_even_if_somebody_allowed_it(folder: Path) -> None:
    with pytest.raises(CommandRefusedError):
        await run(["/bin/sh"], folder, allow=["/bin/sh"])


async def test_what_no_program_can_be_given_is_refused(folder: Path) -> None:
    with pytest.raises(CommandRefusedError, match="NUL"):
        await run(["python3", "-c", "print('\0')"], folder, allow=["python3"])


async def test_a_home_that_was_made_deeper_than_any_path_is_thrown_away(folder: Path) -> None:
    program = "import os\nos.chdir(os.environ['TMPDIR'])\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')"
    ran = await run(["python3", "-c", program], folder, allow=["python3"])
    assert (ran.exit_code, ran.output) == (0, "")
    assert not list(folder.parent.glob("home-*"))


async def test_a_program_in_the_workspace_does_not_replace_one_on_the_path(folder: Path) -> None:
    (folder / "python3").write_text("#!/bin/sh\necho hijacked\n")
    (folder / "python3").chmod(0o755)
    assert await python("print('genuine')", folder) == (0, "genuine\n")


@pytest.mark.parametrize("reason", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
async def test_a_machine_that_is_too_busy_to_start_a_program_is_waited_for(
    reason: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(subprocess, "Popen", busy)
    with pytest.raises(ServiceUnavailableError, match=os.strerror(reason)):
        await run(["python3", "-c", "pass"], folder, allow=["python3"])


async def test_a_machine_that_lets_us_start_nothing_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(folder))
    with pytest.raises(EnvironmentProblemError, match="cannot start programs"):
        await run(["python3", "-c", "pass"], folder, allow=["python3"])


async def test_there_is_no_shell(folder: Path) -> None:
    ran = await run(["python3", "-c", "import sys; print(sys.argv[1])", "$HOME; ls *"], folder, allow=["python3"])
    assert ran.output == "$HOME; ls *\n"


async def test_nothing_of_our_environment_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/our/own")
    code, said = await python(
        """
        import os, sys
        print(sorted(os.environ), os.getcwd(), sys.path, sys.prefix == sys.base_prefix)
        import importlib.util
        print("ours:", importlib.util.find_spec("aios"))
        """,
        folder,
    )
    assert code == 0
    assert "sk-secret" not in said
    assert "ANTHROPIC" not in said
    assert "/our/own" not in said
    assert str(folder) in said
    assert "True\nours: None" in said


def test_our_virtual_environment_is_not_on_the_path() -> None:
    if sys.prefix != sys.base_prefix:
        assert str(Path(sys.prefix) / "bin") not in search_path().split(os.pathsep)
    assert all(place.startswith("/") for place in search_path().split(os.pathsep))


def test_a_program_of_our_own_environment_is_not_found_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "bin" / "some-linter"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", f"{own.parent}:/usr/bin")
    assert which("some-linter") is None
    told = looked_in("some-linter")
    assert told.startswith("looked in ")
    assert "/usr/bin" in told
    assert told.endswith(f"; {own} is of AIOS's own environment, which commands do not see")


async def test_home_is_empty_private_and_thrown_away(folder: Path) -> None:
    _, said = await python("import os; print(os.environ['HOME'], os.listdir(os.environ['HOME']))", folder)
    home, listed = said.split()
    assert listed == "[]"
    assert not Path(home).exists()
    assert Path(home).parent == folder.parent


async def test_a_missing_program_is_an_answer(folder: Path) -> None:
    ran = await run(["no-such-program-here"], folder, allow=["no-such-program-here"])
    assert (ran.exit_code, ran.output) == (127, "no-such-program-here: not found on this machine")


async def test_exit_codes_and_signals_are_told(folder: Path) -> None:
    assert (await python("raise SystemExit(7)", folder))[0] == 7
    assert (await python("import os; os.kill(os.getpid(), 11)", folder))[0] == 139


async def test_output_is_bounded_and_keeps_both_ends(folder: Path) -> None:
    code, said = await python("print('begin' + 'x' * 5_000_000 + 'end')", folder)
    assert code == 0
    assert said.startswith("begin")
    assert said.endswith("end\n")
    assert "bytes left out" in said
    assert len(said) < 3 * KEPT


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
async def test_memory_is_limited(folder: Path) -> None:
    code, said = await python("bytearray(1 << 30)", folder, memory=256 * MEGABYTE)
    assert (code, "MemoryError" in said) == (1, True)


@pytest.mark.skipif(sys.platform != "linux", reason="private memory is limited on Linux")
@pytest.mark.parametrize("where", ["the command", "its child"])
async def test_a_command_gets_no_more_than_its_container_has_left(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aios.agents.tools.command.share", lambda: 256 * MEGABYTE)
    hungry = "bytearray(512 << 20)"
    child = f"import subprocess, sys; exit(subprocess.run([sys.executable, '-c', {hungry!r}]).returncode)"
    code, said = await python(hungry if where == "the command" else child, folder)
    assert (code, "MemoryError" in said) == (1, True)
    assert await python("print(len(bytearray(64 << 20)))", folder) == (0, "67108864\n")


@pytest.mark.skipif(sys.platform != "linux", reason="private memory is limited on Linux")
async def test_a_container_with_room_loosens_no_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aios.agents.tools.command.share", lambda: 8 << 40)
    told = "import resource as r; print(*(r.getrlimit(k)[0] >> 20 for k in (r.RLIMIT_AS, r.RLIMIT_DATA)))"
    assert await python(told, folder, memory=512 * MEGABYTE) == (0, "512 512\n")


@pytest.mark.skipif(sys.platform != "linux", reason="private memory is limited on Linux")
async def test_a_limit_that_was_lower_before_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aios.agents.tools.command.share", lambda: None)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, before[1]))
    try:
        told = "import resource as r; print(r.getrlimit(r.RLIMIT_DATA)[0] >> 20)"
        assert await python(told, folder, memory=8192 * MEGABYTE) == (0, "4096\n")
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


async def test_file_size_is_limited(folder: Path) -> None:
    code, said = await python("open('big', 'wb').write(bytes(2 << 20))", folder)
    assert (code, "File too large" in said) == (1, True)


async def test_time_is_limited(folder: Path) -> None:
    before = time.monotonic()
    ran = await run(
        ["python3", "-c", "print('so far', flush=True)\nwhile True: pass"],
        folder,
        allow=["python3"],
        limits=Limits(seconds=10.0),
    )
    assert (ran.timed_out, ran.output) == (True, "so far\n")
    assert time.monotonic() - before < 60


@pytest.mark.skipif(sys.platform != "linux", reason="sessions of their own are found on Linux")
async def test_daemons_do_not_survive_their_command(folder: Path) -> None:
    code, said = await python(
        f"""
        import os, subprocess
        subprocess.Popen(["sleep", "5311{OURS}"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execvp("sleep", ["sleep", "5311{OURS}"])
            os._exit(0)
        print("left")
        """,
        folder,
    )
    assert (code, said) == (0, "left\n")
    assert not running(f"sleep 5311{OURS}")


async def test_a_cancelled_command_is_gone_when_the_cancel_returns(folder: Path) -> None:
    program = f"import subprocess; subprocess.run(['sleep', '5321{OURS}'], start_new_session=True)"
    command = asyncio.create_task(run(["python3", "-c", program], folder, allow=["python3"]))
    await until(lambda: running(f"sleep 5321{OURS}"))
    command.cancel()
    await asyncio.wait({command})
    assert command.cancelled()
    assert not running(f"sleep 5321{OURS}")


OWN_SESSION = "start_new_session=True"
ATTACK = """
import os, signal, subprocess, sys
subprocess.Popen(["sleep", "{sleep}"], {how})
print("so far", flush=True)
os.kill(os.getppid(), signal.{signal})
signal.pause()
"""


@pytest.mark.parametrize("how", ["", OWN_SESSION])
async def test_nothing_survives_a_command_that_kills_its_warden(how: str, folder: Path) -> None:
    if how and sys.platform != "linux":
        pytest.skip("sessions of their own are found on Linux")
    before = time.monotonic()
    code, said = await python(ATTACK.format(sleep=f"5341{OURS}", how=how, signal="SIGKILL"), folder, seconds=120.0)
    assert (code, said) == (137, "so far\n")
    assert not running(f"sleep 5341{OURS}")
    assert time.monotonic() - before < 60, "a dead warden is not waited for until the command's limit"


@pytest.mark.parametrize("how", ["", OWN_SESSION])
async def test_a_command_that_stops_its_warden_ends_at_its_limit(how: str, folder: Path) -> None:
    if how and sys.platform != "linux":
        pytest.skip("sessions of their own are found on Linux")
    before = time.monotonic()
    ran = await run(
        ["python3", "-c", ATTACK.format(sleep=f"5351{OURS}", how=how, signal="SIGSTOP")],
        folder,
        allow=["python3"],
        limits=Limits(seconds=10.0),
    )
    assert (ran.timed_out, ran.output) == (True, "so far\n")
    assert not running(f"sleep 5351{OURS}")
    assert time.monotonic() - before < 60


KEEPS_STOPPING = f"""
import os, signal, subprocess
warden = os.getppid()
subprocess.Popen(["sleep", "5361{OURS}"])
while True:
    os.kill(warden, signal.SIGSTOP)
"""


async def test_a_warden_that_is_stopped_again_and_again_holds_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aios.agents.tools.command.GRACE", 1.0)
    before = time.monotonic()
    ran = await run(["python3", "-c", KEEPS_STOPPING], folder, allow=["python3"], limits=Limits(seconds=2.0))
    assert ran.timed_out
    assert not running(f"sleep 5361{OURS}")
    assert time.monotonic() - before < 60


@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_cancelled_command_leaves_nothing_even_if_it_stopped_its_warden(cancels: int, folder: Path) -> None:
    program = ATTACK.format(sleep=f"5371{OURS}", how="", signal="SIGSTOP")
    command = asyncio.create_task(run(["python3", "-c", program], folder, allow=["python3"]))
    await until(lambda: running(f"sleep 5371{OURS}"))
    for _ in range(cancels):  # each finds it one step further in its ending
        command.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.wait({command})
    assert command.cancelled()
    assert not running(f"sleep 5371{OURS}")


async def test_a_command_that_is_cancelled_while_it_starts_leaves_nothing(folder: Path) -> None:
    command = asyncio.create_task(
        run(["python3", "-c", ATTACK.format(sleep=f"5381{OURS}", how="", signal="SIGSTOP")], folder, allow=["python3"])
    )
    await asyncio.sleep(0)
    command.cancel()
    await asyncio.wait({command})
    assert command.cancelled()
    assert not running(f"sleep 5381{OURS}")
    assert [place.name for place in folder.parent.iterdir()] == ["files"]


@pytest.mark.parametrize("arguments", [["#" + "x" * 140_000], ["#" + "x" * 100_000] * 49])
async def test_arguments_that_are_too_long_are_refused_with_what_to_do(arguments: list[str], folder: Path) -> None:
    said = r"the command line is too long \([\d,]+ bytes\): write it to a file and run that"
    with pytest.raises(CommandRefusedError, match=said):
        await run(["python3", *arguments], folder, allow=["python3"])


WORKER = f"""
import asyncio, sys
from pathlib import Path
from aios.agents.tools.command import run
program = "import subprocess; subprocess.run(['sleep', '5331{OURS}'], start_new_session=True)"
asyncio.run(run(["python3", "-c", program], Path(sys.argv[1]), allow=["python3"]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is signalled on Linux")
async def test_nothing_survives_a_worker_that_is_killed(folder: Path) -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, str(folder))
    await until(lambda: running(f"sleep 5331{OURS}"))
    worker.kill()
    await worker.wait()
    await until(lambda: not running(f"sleep 5331{OURS}"))
