"""The loops of rails that pay by file: workers close and send batches, the scheduler fetches what the bank put out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from roadstead.batches.desk import FileDesk
from roadstead.batches.keeping import destroy_old
from roadstead.batches.rail import FileRail
from roadstead.batches.receiving import Receiver
from roadstead.batches.sending import work_due
from roadstead.rails.protocol import Rail
from roadstead.service.leases import Leadership
from roadstead.service.loops import every

SEND_IDLE_S = 1.0
"""How long a worker rests when no batch is to be closed or sent."""
DESTROY_INTERVAL_S = 3_600.0


def start_sending(rails: Mapping[str, Rail], group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
    """Close and send the batches of rails that pay by file, until `stop` is set."""
    for desk in _desks(rails):
        group.create_task(every(SEND_IDLE_S, _sender(desk), name=f"batches_{desk.rail}", stop=stop))


def start_receiving(
    rails: Mapping[str, Rail], group: asyncio.TaskGroup, leadership: Leadership, stop: asyncio.Event
) -> None:
    """Fetch the bank's files, and destroy the contents of old ones, while we lead and until `stop` is set.

    Both are safe when two schedulers do them at once.
    """
    for desk in _desks(rails):
        look, destroy = _looker(desk, leadership), _destroyer(desk, leadership)
        group.create_task(every(desk.look_every_s, look, name=f"files_{desk.rail}", stop=stop))
        group.create_task(every(DESTROY_INTERVAL_S, destroy, name=f"old_files_{desk.rail}", stop=stop))


def _desks(rails: Mapping[str, Rail]) -> Iterable[FileDesk]:
    return [rail.desk for rail in rails.values() if isinstance(rail, FileRail)]


def _sender(desk: FileDesk) -> Callable[[], Awaitable[bool]]:
    async def send() -> bool:
        return await work_due(desk)

    return send


def _looker(desk: FileDesk, leadership: Leadership) -> Callable[[], Awaitable[None]]:
    receiver = Receiver(desk)

    async def look() -> None:
        if leadership.is_held:
            await receiver.look()

    return look


def _destroyer(desk: FileDesk, leadership: Leadership) -> Callable[[], Awaitable[None]]:
    async def destroy() -> None:
        if leadership.is_held:
            await destroy_old(desk)

    return destroy
