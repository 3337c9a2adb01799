"""What all endpoints share: the network, the news of closed ledgers, and the staged failures."""

import asyncio
from dataclasses import dataclass, field

from roadstead.sandbox.network.network import Network

from .faults import Faults


@dataclass(slots=True)
class Face:
    """The HTTP side of one network. Create it inside the event loop that serves it."""

    network: Network
    stream_timeout_s: float = 55.0
    submit_timeout_s: float = 30.0
    faults: Faults = field(default_factory=Faults)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    paused: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Listen to the network."""
        self.network.closed_listeners.append(self.announce)

    def announce(self) -> None:
        """Wake everyone who waits for news."""
        self._news.set()
        self._news = asyncio.Event()

    def end(self) -> None:
        """Let all streams and waiting submissions finish."""
        self.ending.set()
        self.announce()

    def end_streams(self) -> None:
        """Let the present streams finish; new ones may begin."""
        self.end()
        self.ending = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Set at the next closed ledger. Take it before looking, then wait for it."""
        return self._news

    @property
    def visible_ledger(self) -> int:
        """The last ledger that history shows: earlier than the last closed one under a lag."""
        latest = self.network.header.sequence
        return max(1, latest - self.faults.lag_ledgers(latest))

    @property
    def ceiling(self) -> int:
        """The highest number that history shows."""
        return (self.visible_ledger << 32) | 0xFFFFFFFF


async def wait_for(event: asyncio.Event, timeout_s: float) -> bool:
    """Whether the event came in time."""
    try:
        await asyncio.wait_for(event.wait(), max(0.0, timeout_s))
    except TimeoutError:
        return False
    return True
