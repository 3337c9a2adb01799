"""How fast the offline network applies payments, and what it remembers them in.

Run: .venv/bin/python bench/network_apply.py [operations]
"""

from __future__ import annotations

import resource
import sys
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from stellar_sdk import Account, Asset, Keypair, TransactionBuilder

from roadstead.clock import SystemClock
from roadstead.sandbox.network.journal import Journal
from roadstead.sandbox.network.ledger.transaction import decode
from roadstead.sandbox.network.network import Network, Terms, root_keypair

PASSPHRASE = "Bench Network"  # noqa: S105 - public by nature
SENDERS = 100
LEDGER_SIZE = 1000


def memory_mb() -> int:
    with Path("/proc/self/status").open() as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def transaction(sender: Keypair, sequence: int, receiver: str, amount: str) -> bytes:
    builder = TransactionBuilder(Account(sender.public_key, sequence), PASSPHRASE, 100)
    builder.append_payment_op(receiver, Asset.native(), amount)
    envelope = builder.add_time_bounds(0, 0).build()
    envelope.sign(sender)
    return envelope.to_xdr_object().to_xdr_bytes()


def opened(network: Network) -> list[Keypair]:
    root = root_keypair(PASSPHRASE)
    people = [Keypair.from_raw_ed25519_seed(sha256(f"bench {n}".encode()).digest()) for n in range(SENDERS)]
    builder = TransactionBuilder(Account(root.public_key, 0), PASSPHRASE, 100)
    for person in people:
        builder.append_create_account_op(person.public_key, "100000")
    envelope = builder.add_time_bounds(0, 0).build()
    envelope.sign(root)
    packed = envelope.to_xdr_object().to_xdr_bytes()
    network.submit(decode(packed, network.network_id))
    network.close()
    return people


def run(network: Network, operations: int) -> tuple[float, float]:
    """Seconds spent on applying (submission, closing, journal), and on signing."""
    people = opened(network)
    view = network.view()
    sequences = {
        person.public_key: entry.sequence
        for person in people
        if (entry := view.peek_account(person.raw_public_key())) is not None
    }
    signing = applying = 0.0
    for start in range(0, operations, LEDGER_SIZE):
        began = time.perf_counter()
        batch = []
        for number in range(start, min(operations, start + LEDGER_SIZE)):
            sender = people[number % SENDERS]
            receiver = people[(number * 7 + 1) % SENDERS].public_key
            sequence = sequences[sender.public_key]
            sequences[sender.public_key] += 1
            batch.append(transaction(sender, sequence, receiver, "0.01"))
        middle = time.perf_counter()
        for packed in batch:
            network.submit(decode(packed, network.network_id))
        closed = network.close()
        assert all(one.succeeded for one in closed.applied)
        applying += time.perf_counter() - middle
        signing += middle - began
    return applying, signing


def main() -> None:
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.journal"
        network = Network.start(Terms(passphrase=PASSPHRASE), SystemClock(), Journal(path))
        before = memory_mb()
        applying, signing = run(network, operations)
        print(f"operations           {operations}")
        print(f"applied in           {applying:.1f} s ({operations / applying:.0f} a second)")
        print(f"(signed in           {signing:.1f} s)")
        print(f"memory               {memory_mb()} MB (before: {before} MB)")
        print(f"journal              {path.stat().st_size / 1e6:.0f} MB")
        header = network.header
        if network.journal is not None:
            network.journal.close()
        began = time.perf_counter()
        again = Network.start(Terms(passphrase=PASSPHRASE), SystemClock(), Journal(path))
        print(f"restarted in         {time.perf_counter() - began:.1f} s")
        assert again.header == header
        print(f"highest memory       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
