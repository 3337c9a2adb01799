"""Rules of the ledger that tests of the recordings do not spell out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from stellar_sdk import Account as SdkAccount
from stellar_sdk import (
    Asset,
    Claimant,
    ClaimPredicate,
    Keypair,
    Price,
    Signer,
    SignerKey,
    TransactionBuilder,
    TransactionEnvelope,
)

from roadstead.clock import ManualClock
from roadstead.sandbox.network.ledger.state import Account, AccountKey
from roadstead.sandbox.network.ledger.transaction import MalformedEnvelope, decode
from roadstead.sandbox.network.network import Answer, Network, Terms, root_keypair

PASSPHRASE = "Rules Network"
Add = Callable[[TransactionBuilder], object]


def person(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(sha256(name.encode()).digest())


ALICE, BOB, MAKER, ISSUER = person("alice"), person("bob"), person("maker"), person("issuer")
USD, EUR, JPY = (Asset(code, ISSUER.public_key) for code in ("USD", "EUR", "JPY"))


class World:
    """A network, and short words for what is done in it."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.network = Network.start(Terms(passphrase=PASSPHRASE), self.clock)
        people = (ALICE, BOB, MAKER, ISSUER)
        self.do(
            root_keypair(PASSPHRASE),
            *(lambda tx, one=one: tx.append_create_account_op(one.public_key, "1000") for one in people),
        )
        for holder in (ALICE, BOB, MAKER):
            self.do(
                holder,
                *(lambda tx, asset=asset: tx.append_change_trust_op(asset) for asset in (USD, EUR, JPY)),
            )
            self.do(
                ISSUER,
                *(
                    lambda tx, asset=asset, to=holder.public_key: tx.append_payment_op(to, asset, "500")
                    for asset in (USD, EUR, JPY)
                ),
            )

    def account(self, who: Keypair) -> Account:
        entry = self.network.store.entries[AccountKey(who.raw_public_key())]
        assert isinstance(entry, Account)
        return entry

    def envelope(self, who: Keypair, *adds: Add, sequence: int | None = None) -> TransactionEnvelope:
        current = self.account(who).sequence if sequence is None else sequence
        builder = TransactionBuilder(SdkAccount(who.public_key, current), PASSPHRASE, 100)
        for add in adds:
            add(builder)
        return builder.add_time_bounds(0, 0).build()

    def submit(self, envelope: TransactionEnvelope, *signers: Keypair | bytes) -> list[str]:
        """Sign, submit and close; the code of the transaction and of its operations."""
        for signer in signers:
            if isinstance(signer, bytes):
                envelope.sign_hashx(signer)
            else:
                envelope.sign(signer)
        packed = envelope.to_xdr_object().to_xdr_bytes()
        submission = self.network.submit(decode(packed, self.network.network_id))
        if submission.answer is Answer.REFUSED:
            assert submission.verdict is not None
            return ["refused", str(submission.verdict.code)]
        self.network.close()
        record = self.network.history.by_hash(envelope.hash())
        assert record is not None
        return [record.code, *(operation.code for operation in record.operations)]

    def do(self, who: Keypair, *adds: Add) -> list[str]:
        codes = self.submit(self.envelope(who, *adds), who)
        assert codes[0] == "tx_success", codes
        return codes

    def units(self, who: Keypair, asset: Asset) -> int:
        lines = self.network.store.lines_by_account[who.raw_public_key()]
        return next(line.balance for key, line in lines.items() if key.name == asset.code)


@pytest.fixture
def world() -> World:
    return World()


def sell(sold: Asset, bought: Asset, amount: str, price: str) -> Add:
    return lambda tx: tx.append_manage_sell_offer_op(sold, bought, amount, price)


def set_aside(amount: str, claimant: Claimant) -> Add:
    return lambda tx: tx.append_create_claimable_balance_op(USD, amount, [claimant])


class TestFailure:
    def test_a_failed_transaction_costs_its_fee_and_its_sequence_number(self, world: World) -> None:
        before = world.account(ALICE)
        codes = world.submit(
            world.envelope(
                ALICE,
                lambda tx: tx.append_payment_op(BOB.public_key, Asset.native(), "1"),
                lambda tx: tx.append_payment_op(person("nobody").public_key, USD, "1"),
            ),
            ALICE,
        )
        assert codes == ["tx_failed", "op_success", "op_no_destination"]
        after = world.account(ALICE)
        assert after.balance == before.balance - 200
        assert after.sequence == before.sequence + 1

    def test_what_is_refused_costs_nothing(self, world: World) -> None:
        before = world.account(ALICE)
        envelope = world.envelope(
            ALICE, lambda tx: tx.append_payment_op(BOB.public_key, USD, "1"), sequence=7
        )
        assert world.submit(envelope, ALICE) == ["refused", "-5"]
        assert world.account(ALICE) == before

    def test_a_signature_too_many_is_refused(self, world: World) -> None:
        envelope = world.envelope(ALICE, lambda tx: tx.append_bump_sequence_op(0))
        assert world.submit(envelope, ALICE, BOB) == ["refused", "-10"]


class TestFees:
    def test_a_full_ledger_takes_the_best_bids_and_charges_the_lowest_of_them(self) -> None:
        terms = Terms(passphrase=PASSPHRASE, operations_max=2)
        clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        network = Network.start(terms, clock)
        root = root_keypair(PASSPHRASE)
        for sequence, who in enumerate((ALICE, BOB, MAKER)):
            builder = TransactionBuilder(SdkAccount(root.public_key, sequence), PASSPHRASE, 100)
            builder.append_create_account_op(who.public_key, "100")
            send(network, builder, root)
            network.close()
        for who, bid in ((ALICE, 100), (BOB, 700), (MAKER, 400)):
            entry = network.store.entries[AccountKey(who.raw_public_key())]
            assert isinstance(entry, Account)
            account = SdkAccount(who.public_key, entry.sequence)
            builder = TransactionBuilder(account, PASSPHRASE, bid).append_bump_sequence_op(0)
            send(network, builder, who)
        first, second = network.close(), network.close()
        assert [one.fee_charged for one in first.applied] == [400, 400]
        assert [one.fee_charged for one in second.applied] == [100]


def send(network: Network, builder: TransactionBuilder, signer: Keypair) -> None:
    envelope = builder.add_time_bounds(0, 0).build()
    envelope.sign(signer)
    packed = envelope.to_xdr_object().to_xdr_bytes()
    assert network.submit(decode(packed, network.network_id)).answer is Answer.WAITING


class TestPaths:
    def test_a_payment_goes_through_three_books(self, world: World) -> None:
        world.do(MAKER, sell(EUR, USD, "100", "2"))
        world.do(MAKER, sell(JPY, EUR, "400", "0.25"))
        codes = world.do(
            ALICE,
            lambda tx: tx.append_path_payment_strict_receive_op(BOB.public_key, USD, "60", JPY, "100", [EUR]),
        )
        assert codes == ["tx_success", "op_success"]
        assert world.units(BOB, JPY) == 600_0000000
        assert world.units(ALICE, USD) == 450_0000000
        assert world.units(MAKER, USD) == 550_0000000

    def test_a_path_that_costs_too_much_changes_nothing(self, world: World) -> None:
        world.do(MAKER, sell(EUR, USD, "100", "2"))
        codes = world.submit(
            world.envelope(
                ALICE,
                lambda tx: tx.append_path_payment_strict_receive_op(
                    BOB.public_key, USD, "19.9999999", EUR, "10", []
                ),
            ),
            ALICE,
        )
        assert codes == ["tx_failed", "op_over_source_max"]
        assert world.units(BOB, EUR) == 500_0000000

    def test_the_own_offer_is_never_taken(self, world: World) -> None:
        world.do(ALICE, sell(EUR, USD, "10", "2"))
        codes = world.submit(
            world.envelope(
                ALICE,
                lambda tx: tx.append_path_payment_strict_send_op(BOB.public_key, USD, "1", EUR, "0.1", []),
            ),
            ALICE,
        )
        assert codes == ["tx_failed", "op_cross_self"]


class TestOffers:
    def test_the_better_price_goes_first_and_the_older_offer_among_equals(self, world: World) -> None:
        world.do(MAKER, sell(EUR, USD, "10", "2"))
        world.do(BOB, sell(EUR, USD, "10", "2"))
        world.do(BOB, sell(EUR, USD, "10", "1.5"))
        world.do(ALICE, sell(USD, EUR, "35", "0.5"))
        assert world.units(BOB, EUR) == 490_0000000
        assert world.units(MAKER, EUR) == 490_0000000
        assert len(world.network.store.offers) == 1

    def test_a_passive_offer_lets_an_equal_price_stand(self, world: World) -> None:
        world.do(MAKER, sell(EUR, USD, "10", "2"))
        world.do(
            ALICE,
            lambda tx: tx.append_create_passive_sell_offer_op(USD, EUR, "20", Price(1, 2)),
        )
        assert len(world.network.store.offers) == 2

    def test_an_offer_binds_what_it_sells(self, world: World) -> None:
        world.do(ALICE, sell(USD, EUR, "400", "1"))
        codes = world.submit(
            world.envelope(ALICE, lambda tx: tx.append_payment_op(BOB.public_key, USD, "101")), ALICE
        )
        assert codes == ["tx_failed", "op_underfunded"]


class TestSigners:
    def test_a_pre_authorised_transaction_needs_no_signature_and_works_once(self, world: World) -> None:
        sequence = world.account(ALICE).sequence
        later = world.envelope(
            ALICE,
            lambda tx: tx.append_payment_op(BOB.public_key, USD, "1"),
            sequence=sequence + 1,
        )
        signer = Signer(SignerKey.pre_auth_tx(later.hash()), 1)
        world.do(ALICE, lambda tx: tx.append_set_options_op(signer=signer))
        assert len(world.account(ALICE).signers) == 1
        assert world.submit(later) == ["tx_success", "op_success"]
        assert world.account(ALICE).signers == ()
        assert world.account(ALICE).subentries == 3

    def test_whoever_knows_the_secret_behind_a_hash_may_sign(self, world: World) -> None:
        secret = b"open sesame"
        signer = Signer(SignerKey.sha256_hash(sha256(secret).digest()), 1)
        world.do(ALICE, lambda tx: tx.append_set_options_op(signer=signer))
        envelope = world.envelope(ALICE, lambda tx: tx.append_payment_op(BOB.public_key, USD, "1"))
        assert world.submit(envelope, secret) == ["tx_success", "op_success"]


class TestReserves:
    def test_a_sponsor_pays_the_reserve_of_another_account(self, world: World) -> None:
        child = person("child")
        envelope = world.envelope(
            ALICE,
            lambda tx: tx.append_begin_sponsoring_future_reserves_op(child.public_key),
            lambda tx: tx.append_create_account_op(child.public_key, "0"),
            lambda tx: tx.append_end_sponsoring_future_reserves_op(source=child.public_key),
        )
        assert world.submit(envelope, ALICE, child)[0] == "tx_success"
        assert world.account(child).sponsored_count == 2
        assert world.account(ALICE).sponsoring_count == 2

    def test_a_sponsoring_that_does_not_end_undoes_everything(self, world: World) -> None:
        child = person("child")
        envelope = world.envelope(
            ALICE,
            lambda tx: tx.append_begin_sponsoring_future_reserves_op(child.public_key),
            lambda tx: tx.append_create_account_op(child.public_key, "5"),
        )
        assert world.submit(envelope, ALICE)[0] == "tx_bad_sponsorship"
        assert AccountKey(child.raw_public_key()) not in world.network.store.entries

    def test_the_reserve_cannot_be_spent(self, world: World) -> None:
        codes = world.submit(
            world.envelope(ALICE, lambda tx: tx.append_payment_op(BOB.public_key, Asset.native(), "998")),
            ALICE,
        )
        assert codes == ["tx_failed", "op_underfunded"]


class TestClaimableBalances:
    def test_a_balance_can_be_claimed_only_in_time(self, world: World) -> None:
        in_time = ClaimPredicate.predicate_before_relative_time(60)
        for receiver in (BOB, MAKER):
            world.do(ALICE, set_aside("5", Claimant(receiver.public_key, in_time)))
        owned = {
            entry.claimants[0].account: "00000000" + entry.balance_id.hex()
            for entry in world.network.store.balances.values()
        }
        first, second = owned[BOB.raw_public_key()], owned[MAKER.raw_public_key()]
        world.do(BOB, lambda tx: tx.append_claim_claimable_balance_op(first))
        world.clock.advance(timedelta(minutes=2))
        world.network.close()
        late = world.envelope(MAKER, lambda tx: tx.append_claim_claimable_balance_op(second))
        assert world.submit(late, MAKER) == ["tx_failed", "op_cannot_claim"]
        assert world.units(BOB, USD) == 505_0000000


class TestWhatIsNotOffered:
    def test_inflation_is_not_supported(self, world: World) -> None:
        envelope = world.envelope(ALICE, lambda tx: tx.append_inflation_op())
        assert world.submit(envelope, ALICE) == ["refused", "-1"]

    def test_smart_contracts_are_refused_with_a_reason(self, world: World) -> None:
        envelope = world.envelope(
            ALICE,
            lambda tx: tx.append_extend_footprint_ttl_op(10),
        )
        with pytest.raises(MalformedEnvelope, match="not part of this network"):
            decode(envelope.to_xdr_object().to_xdr_bytes(), world.network.network_id)
