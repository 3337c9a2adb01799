"""The supervisor with small stand-in roles: real processes, real signals."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from roadstead.sandbox.logs import RoleLog
from roadstead.sandbox.supervisor import Role, RoleFailed, Supervisor

SLEEPER = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(600)
"""

STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPER}"

BROKEN = """
import sys
print("the cellar is flooded")
sys.exit(3)
"""


class Told:
    """Remembers what the supervisor said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.changes = 0

    def tell(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def changed(self) -> None:
        self.changes += 1


def role(
    folder: Path, name: str, script: str = SLEEPER, *, stage: int = 0, stop_within_s: float = 5.0
) -> Role:
    mark = folder / f"{name}.ready"

    async def probe(_log: RoleLog) -> bool:
        return mark.exists()

    return Role(
        name=name,
        command=(sys.executable, "-c", script, str(mark)),
        environment=dict(os.environ),
        probe=probe,
        stage=stage,
        stop_within_s=stop_within_s,
    )


@asynccontextmanager
async def supervised(folder: Path, told: Told, *, restart: bool = True) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(logs=folder, restart=restart, tell=told.tell, changed=told.changed)
    try:
        yield supervisor
    finally:
        supervisor.kill()
        await supervisor.stop()


async def until(condition: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - it watches the world, which sets no event
            await asyncio.sleep(0.02)


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class TestARoleThatIsKilled:
    async def test_is_started_again_and_its_new_process_is_known(self, tmp_path: Path) -> None:
        told = Told()
        async with supervised(tmp_path, told) as supervisor:
            await supervisor.start(role(tmp_path, "api"))
            first = supervisor.pids["api"]
            changes = told.changes

            os.kill(first, signal.SIGKILL)
            await until(lambda: supervisor.pids.get("api") not in (None, first))

            assert is_alive(supervisor.pids["api"])
            assert told.changes > changes
            assert any("api was ended by SIGKILL" in sentence for sentence in told.sentences)

    async def test_stays_down_when_restarts_are_off(self, tmp_path: Path) -> None:
        told = Told()
        async with supervised(tmp_path, told, restart=False) as supervisor:
            await supervisor.start(role(tmp_path, "observer"))

            os.kill(supervisor.pids["observer"], signal.SIGKILL)
            await until(lambda: any("observer was ended" in sentence for sentence in told.sentences))
            await asyncio.sleep(0.3)

            assert supervisor.pids == {}

    async def test_is_started_again_as_often_as_it_is_killed(self, tmp_path: Path) -> None:
        told = Told()
        async with supervised(tmp_path, told) as supervisor:
            await supervisor.start(role(tmp_path, "worker"))
            seen = {supervisor.pids["worker"]}
            for _ in range(4):
                os.kill(supervisor.pids["worker"], signal.SIGKILL)
                await until(lambda: supervisor.pids.get("worker") not in (None, *seen))
                seen.add(supervisor.pids["worker"])

            assert len(seen) == 5


class TestARoleThatCannotStart:
    async def test_is_given_up_after_three_tries_with_the_end_of_its_log(self, tmp_path: Path) -> None:
        async with supervised(tmp_path, Told()) as supervisor:
            with pytest.raises(RoleFailed, match=r"(?s)bank ended with status 3.*the cellar is flooded"):
                await supervisor.start(role(tmp_path, "bank", BROKEN))

        log = (tmp_path / "bank.log").read_text()
        assert log.count("the cellar is flooded") == 3

    async def test_names_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        absent = dataclasses.replace(role(tmp_path, "bank"), command=(str(tmp_path / "absent"),))
        async with supervised(tmp_path, Told()) as supervisor:
            with pytest.raises(RoleFailed, match=r"absent cannot be run: No such file"):
                await supervisor.start(absent)

    async def test_is_told_of_once_while_restarts_go_on(self, tmp_path: Path) -> None:
        told = Told()
        script = tmp_path / "role.py"
        script.write_text(SLEEPER)
        async with supervised(tmp_path, told) as supervisor:
            sleeper = role(tmp_path, "network")
            await supervisor.start(
                Role(
                    name="network",
                    command=(sys.executable, str(script), sleeper.command[-1]),
                    environment=sleeper.environment,
                    probe=sleeper.probe,
                )
            )
            (tmp_path / "network.ready").unlink()
            script.write_text(BROKEN)
            os.kill(supervisor.pids["network"], signal.SIGKILL)
            await until(lambda: any("the cellar is flooded" in sentence for sentence in told.sentences))

            script.write_text(SLEEPER)
            await until(lambda: any("network is back" in sentence for sentence in told.sentences))

        assert sum("the cellar is flooded" in sentence for sentence in told.sentences) == 1


class TestStopping:
    async def test_ends_the_later_stage_before_the_earlier(self, tmp_path: Path) -> None:
        order = tmp_path / "order"
        script = textwrap.dedent(f"""
            import pathlib, signal, sys, time
            name = pathlib.Path(sys.argv[1]).stem
            def end(*_):
                with open({str(order)!r}, "a") as file: file.write(name + " ")
                sys.exit(0)
            signal.signal(signal.SIGTERM, end)
            pathlib.Path(sys.argv[1]).write_text("ready")
            time.sleep(600)
        """)
        async with supervised(tmp_path, Told()) as supervisor:
            await supervisor.start(role(tmp_path, "database", script))
            await supervisor.start(role(tmp_path, "api", script, stage=1))
            processes = supervisor.pids.values()

            await supervisor.stop()

            assert order.read_text().split() == ["api", "database"]
            assert not any(is_alive(process) for process in processes)
            assert supervisor.pids == {}

    async def test_kills_a_role_that_does_not_listen(self, tmp_path: Path) -> None:
        told = Told()
        async with supervised(tmp_path, told) as supervisor:
            await supervisor.start(role(tmp_path, "worker", STUBBORN, stop_within_s=0.3))
            process = supervisor.pids["worker"]

            await supervisor.stop()

            assert not is_alive(process)
            assert any("worker did not stop" in sentence for sentence in told.sentences)

    async def test_can_be_asked_for_twice(self, tmp_path: Path) -> None:
        async with supervised(tmp_path, Told()) as supervisor:
            await supervisor.start(role(tmp_path, "api"))
            await supervisor.stop()
            await supervisor.stop()

            assert supervisor.pids == {}


SUPERVISING = """
import asyncio, os, pathlib, sys
from roadstead.sandbox.logs import RoleLog
from roadstead.sandbox.supervisor import Role, Supervisor

async def main():
    folder = pathlib.Path(sys.argv[1])
    supervisor = Supervisor(logs=folder, tell=print, changed=lambda: None)
    for name in ("listening", "stopped"):
        mark = folder / name
        async def probe(_log, mark=mark):
            return mark.exists()
        script = (
            "from roadstead.service.lifeline import watch; watch()\\n" if name == "listening" else ""
        ) + "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text('ready'); time.sleep(600)"
        await supervisor.start(Role(
            name=name, command=(sys.executable, "-c", script, str(mark)), environment=dict(os.environ), probe=probe,
        ))
    print(*supervisor.pids.values(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


class TestTheSupervisorsOwnEnd:
    async def test_takes_every_role_along_even_by_sigkill(self, tmp_path: Path) -> None:
        supervisor = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SUPERVISING, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert supervisor.stdout is not None
        line = await asyncio.wait_for(supervisor.stdout.readline(), 30)
        processes = [int(text) for text in line.split()]
        assert len(processes) == 2
        os.kill(processes[1], signal.SIGSTOP)

        supervisor.kill()
        await supervisor.wait()

        await until(lambda: not any(is_alive(process) for process in processes))
