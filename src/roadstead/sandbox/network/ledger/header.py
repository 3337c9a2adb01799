"""The header of a ledger, and the first one."""

from dataclasses import dataclass
from hashlib import sha256

from . import pack
from .balances import Terms
from .entries import pack_entry
from .overlay import Store
from .state import Account

TOTAL_LUMENS = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a closed ledger says of itself. Amounts in stroops, the close time in unix seconds."""

    sequence: int
    close_time: int
    previous_hash: bytes
    set_hash: bytes
    result_hash: bytes
    state_hash: bytes
    total: int
    fee_pool: int
    offer_counter: int
    base_fee: int
    base_reserve: int
    size_max: int
    protocol: int

    def packed(self) -> bytes:
        """The XDR LedgerHeader."""
        return b"".join(
            [
                pack.uint32(self.protocol),
                self.previous_hash,
                self.set_hash,
                pack.uint64(self.close_time),
                pack.ZERO,
                pack.ZERO,
                self.result_hash,
                self.state_hash,
                pack.uint32(self.sequence),
                pack.int64(self.total),
                pack.int64(self.fee_pool),
                pack.uint32(0),
                pack.uint64(self.offer_counter),
                pack.uint32(self.base_fee),
                pack.uint32(self.base_reserve),
                pack.uint32(self.size_max),
                b"\x00" * 128,
                pack.ZERO,
            ]
        )

    @property
    def hash(self) -> bytes:
        """The hash that names this ledger and chains it to the next."""
        return sha256(self.packed()).digest()

    @property
    def terms(self) -> Terms:
        """What holds for transactions of this ledger."""
        return Terms(
            ledger=self.sequence,
            close_time=self.close_time,
            base_fee=self.base_fee,
            base_reserve=self.base_reserve,
            protocol=self.protocol,
        )


def genesis(
    store: Store,
    *,
    root: bytes,
    close_time: int,
    base_fee: int = 100,
    base_reserve: int = 5_000_000,
    size_max: int = 1000,
    protocol: int = 19,
) -> Header:
    """Put all lumens into the root account and give the first header."""
    entry = Account(account=root, balance=TOTAL_LUMENS, sequence=0, modified=1)
    store.absorb({entry.key: entry})
    return Header(
        sequence=1,
        close_time=close_time,
        previous_hash=bytes(32),
        set_hash=bytes(32),
        result_hash=bytes(32),
        state_hash=sha256(pack_entry(entry)).digest(),
        total=TOTAL_LUMENS,
        fee_pool=0,
        offer_counter=0,
        base_fee=base_fee,
        base_reserve=base_reserve,
        size_max=size_max,
        protocol=protocol,
    )
