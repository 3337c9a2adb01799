"""What no sequence of operations may ever break, tried with many that make little sense."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stellar_sdk import (
    Account as SdkAccount,
)
from stellar_sdk import (
    Asset,
    AuthorizationFlag,
    Claimant,
    Keypair,
    Price,
    TransactionBuilder,
    TrustLineFlags,
)

from roadstead.clock import ManualClock
from roadstead.sandbox.network.journal import Journal
from roadstead.sandbox.network.ledger.balances import minimum_balance
from roadstead.sandbox.network.ledger.header import TOTAL_LUMENS
from roadstead.sandbox.network.ledger.state import (
    Account,
    AccountKey,
    ClaimableBalance,
    Offer,
    TrustLine,
)
from roadstead.sandbox.network.ledger.transaction import decode
from roadstead.sandbox.network.network import Network, Terms, root_keypair

if TYPE_CHECKING:
    from collections.abc import Callable

    from roadstead.sandbox.network.ledger.assets import Asset as LedgerAsset

PASSPHRASE = "Property Network"
PEOPLE = [Keypair.from_raw_ed25519_seed(sha256(bytes([n])).digest()) for n in range(5)]
ISSUER = PEOPLE[0]
USD, EUR = Asset("USD", ISSUER.public_key), Asset("EURTOKEN", ISSUER.public_key)
ASSETS = [Asset.native(), USD, EUR]

people = st.integers(0, len(PEOPLE) - 1)
assets = st.integers(0, len(ASSETS) - 1)
amounts = st.one_of(st.integers(1, 20).map(str), st.integers(1, 10**8).map(lambda n: f"{n / 10**7:.7f}"))
prices = st.one_of(
    st.sampled_from([Price(1, 1), Price(1, 2), Price(2, 1), Price(3, 2), Price(2, 3)]),
    st.builds(Price, st.integers(1, 40), st.integers(1, 40)),
)
pairs = st.permutations(range(len(ASSETS))).map(lambda order: (order[0], order[1]))


@dataclass(frozen=True)
class Step:
    """One operation of one person, and whether a ledger closes after it."""

    who: int
    add: Callable[[TransactionBuilder], object]
    label: str
    closes: bool


Kind = tuple[str, "Callable[[TransactionBuilder], object]"]


def pay(to: int, asset: int, amount: str) -> Kind:
    receiver = PEOPLE[to].public_key
    return "pay", lambda tx: tx.append_payment_op(receiver, ASSETS[asset], amount)


def trust(asset: int, amount: str) -> Kind:
    return "trust", lambda tx: tx.append_change_trust_op(ASSETS[max(1, asset)], amount)


def sell(pair: tuple[int, int], amount: str, price: Price, offer_id: int) -> Kind:
    sold, bought = pair
    return "sell", lambda tx: tx.append_manage_sell_offer_op(
        ASSETS[sold], ASSETS[bought], amount, price, offer_id
    )


def buy(pair: tuple[int, int], amount: str, price: Price) -> Kind:
    sold, bought = pair
    return "buy", lambda tx: tx.append_manage_buy_offer_op(ASSETS[sold], ASSETS[bought], amount, price)


def send(to: int, pair: tuple[int, int], amount: str) -> Kind:
    sold, bought = pair
    receiver = PEOPLE[to].public_key
    return "send", lambda tx: tx.append_path_payment_strict_send_op(
        receiver, ASSETS[sold], amount, ASSETS[bought], "0.0000001", []
    )


def receive(to: int, pair: tuple[int, int], amount: str) -> Kind:
    sold, bought = pair
    receiver = PEOPLE[to].public_key
    return "receive", lambda tx: tx.append_path_payment_strict_receive_op(
        receiver, ASSETS[sold], "1000", ASSETS[bought], amount, []
    )


def set_aside(to: int, asset: int, amount: str) -> Kind:
    claimant = Claimant(PEOPLE[to].public_key)
    return "set aside", lambda tx: tx.append_create_claimable_balance_op(ASSETS[asset], amount, [claimant])


def claw_back(of: int, asset: int, amount: str) -> Kind:
    holder = PEOPLE[of].public_key
    return "claw back", lambda tx: tx.append_clawback_op(ASSETS[max(1, asset)], holder, amount)


def revoke(of: int, asset: int) -> Kind:
    holder = PEOPLE[of].public_key
    return "revoke", lambda tx: tx.append_set_trust_line_flags_op(
        holder, ASSETS[max(1, asset)], clear_flags=TrustLineFlags.AUTHORIZED_FLAG
    )


def merge(to: int) -> Kind:
    receiver = PEOPLE[to].public_key
    return "merge", lambda tx: tx.append_account_merge_op(receiver)


offers = st.one_of(
    st.builds(sell, pairs, amounts, prices, st.just(0)),
    st.builds(sell, pairs, amounts, prices, st.just(0)),
    st.builds(sell, pairs, amounts, prices, st.integers(1, 6)),
    st.builds(buy, pairs, amounts, prices),
)
transfers = st.one_of(
    st.builds(pay, people, assets, amounts),
    st.builds(send, people, pairs, amounts),
    st.builds(receive, people, pairs, amounts),
    st.builds(set_aside, people, assets, amounts),
)
changes = st.one_of(
    st.builds(trust, assets, st.one_of(amounts, st.just("0"))),
    st.builds(claw_back, people, assets, amounts),
    st.builds(revoke, people, assets),
    st.builds(merge, people),
)
kinds = st.one_of(offers, offers, offers, transfers, transfers, changes)


def _step(who: int, kind: Kind, closes: bool) -> Step:  # noqa: FBT001 - drawn by position
    return Step(who=who, add=kind[1], label=kind[0], closes=closes)


steps_strategy = st.lists(st.builds(_step, people, kinds, st.booleans()), min_size=15, max_size=40)


def submit(network: Network, signer: Keypair, *adds: Callable[[TransactionBuilder], object]) -> bytes:
    entry = network.view().peek_account(signer.raw_public_key())
    if entry is None:
        return b""
    waiting = network.pending.last_sequence(signer.raw_public_key())
    sequence = entry.sequence if waiting is None else waiting
    builder = TransactionBuilder(SdkAccount(signer.public_key, sequence), PASSPHRASE, 100)
    for add in adds:
        add(builder)
    envelope = builder.add_time_bounds(0, 0).build()
    envelope.sign(signer)
    packed = envelope.to_xdr_object().to_xdr_bytes()
    network.submit(decode(packed, network.network_id))
    return packed


def furnished(journal: Journal | None = None) -> Network:
    """Five people with lumens; the holders trust both assets of the first and have some."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    network = Network.start(Terms(passphrase=PASSPHRASE), clock, journal)
    root = root_keypair(PASSPHRASE)
    submit(
        network,
        root,
        *(lambda tx, one=one: tx.append_create_account_op(one.public_key, "60") for one in PEOPLE),
    )
    network.close()
    flags = AuthorizationFlag.AUTHORIZATION_REVOCABLE
    flags |= AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED
    submit(network, ISSUER, lambda tx: tx.append_set_options_op(set_flags=flags))
    network.close()
    for holder in PEOPLE[1:]:
        submit(
            network,
            holder,
            lambda tx: tx.append_change_trust_op(USD, "100"),
            lambda tx: tx.append_change_trust_op(EUR, "100"),
        )
    network.close()
    submit(
        network,
        ISSUER,
        *(
            lambda tx, one=one, asset=asset: tx.append_payment_op(one.public_key, asset, "30")
            for one in PEOPLE[1:]
            for asset in (USD, EUR)
        ),
    )
    network.close()
    return network


def held(network: Network) -> Counter[LedgerAsset | str]:
    """What exists of each asset outside its issuer, and all lumens."""
    sums: Counter[LedgerAsset | str] = Counter()
    for entry in network.store.entries.values():
        match entry:
            case Account():
                sums["lumens"] += entry.balance
            case TrustLine():
                sums[entry.asset] += entry.balance
            case ClaimableBalance():
                sums["lumens" if entry.asset.is_native else entry.asset] += entry.amount
            case _:
                pass
    sums["lumens"] += network.header.fee_pool
    return sums


def check_entries(network: Network) -> None:
    terms = network.header.terms
    for entry in network.store.entries.values():
        match entry:
            case Account():
                lines = network.store.lines_by_account.get(entry.account, {})
                offers = network.store.offers_by_seller.get(entry.account, {})
                assert entry.subentries == len(lines) + len(offers) + len(entry.signers)
                assert entry.balance >= 0
                assert entry.selling >= 0
                assert entry.buying >= 0
                assert entry.balance - entry.selling >= minimum_balance(entry, terms)
            case TrustLine():
                assert 0 <= entry.selling <= entry.balance <= entry.limit - entry.buying
            case Offer():
                assert entry.amount > 0
            case _:
                pass


def uncrossed(network: Network) -> None:
    """No two standing offers could trade with each other."""
    for (selling, buying), book in network.store.books.items():
        other = network.store.books.get((buying, selling))
        if not other:
            continue
        one, two = network.store.entries[book[0][1]], network.store.entries[other[0][1]]
        assert isinstance(one, Offer)
        assert isinstance(two, Offer)
        if not (one.flags or two.flags):
            assert one.price_n * two.price_n >= one.price_d * two.price_d


SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


class TestConservation:
    @SETTINGS
    @given(steps_strategy)
    def test_nothing_appears_or_vanishes_whatever_is_done(self, steps: list[Step]) -> None:
        network = furnished()
        sequences: dict[bytes, int] = {}
        for step in steps:
            before = held(network)
            submit(network, PEOPLE[step.who], step.add)
            closed = network.close()
            after = held(network)
            assert after["lumens"] == TOTAL_LUMENS
            changed = {asset for asset in before | after if before[asset] != after[asset]}
            done = [one for one in closed.applied if one.succeeded]
            if not done:
                assert not changed
            for asset in changed:
                assert isinstance(asset, tuple)
                assert asset.issuer == ISSUER.raw_public_key()
            check_entries(network)
            uncrossed(network)
            for person in PEOPLE:
                entry = network.store.entries.get(AccountKey(person.raw_public_key()))
                if isinstance(entry, Account):
                    assert entry.sequence >= sequences.get(entry.account, 0)
                    sequences[entry.account] = entry.sequence

    @SETTINGS
    @given(steps_strategy)
    def test_the_same_envelopes_give_the_same_ledgers(self, steps: list[Step]) -> None:
        first = furnished()
        sent: list[list[bytes]] = [[]]
        for step in steps:
            sent[-1].append(submit(first, PEOPLE[step.who], step.add))
            if step.closes:
                first.close()
                sent.append([])
        first.close()
        second = furnished()
        for batch in sent:
            for packed in batch:
                if packed:
                    second.submit(decode(packed, second.network_id))
            second.close()
        assert second.header == first.header
        assert second.header.hash == first.header.hash
        assert second.store.entries == first.store.entries


class TestTime:
    def test_close_times_never_go_back_with_the_clock(self) -> None:
        clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        network = Network.start(Terms(passphrase=PASSPHRASE), clock)
        clock.advance(timedelta(days=-1))
        before = network.header.close_time
        assert network.close().header.close_time == before


class TestRemembering:
    @settings(SETTINGS, max_examples=20)
    @given(steps=steps_strategy)
    def test_a_journal_brings_back_every_entry_and_record(self, steps: list[Step]) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "network.journal"
            network = furnished(Journal(path))
            for step in steps:
                submit(network, PEOPLE[step.who], step.add)
                if step.closes:
                    network.close()
            network.close()
            assert network.journal is not None
            network.journal.close()
            journal = Journal(path)
            again = Network.start(Terms(passphrase=PASSPHRASE), network.clock, journal)
            journal.close()
        assert again.header == network.header
        assert again.store.entries == network.store.entries
        assert again.store.books == network.store.books
        assert again.history.ledgers == network.history.ledgers
        assert again.history.everything.effects == network.history.everything.effects
        assert again.history.everything.trades == network.history.everything.trades
        for toid in network.history.everything.transactions:
            assert again.history.transaction(toid) == network.history.transaction(toid)
