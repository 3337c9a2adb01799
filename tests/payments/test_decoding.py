"""What the observer believes of a record: exact amounts, true payers, and a verdict for every input."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stellar.scripted_horizon import (
    ACCOUNT,
    ISSUER,
    PAYER,
    operation_id,
    payment_record,
    text_memo_fields,
)

from roadstead.money import NATIVE, stellar_asset
from roadstead.payments.decoding import decode
from roadstead.payments.verdicts import (
    BalanceClaim,
    BalanceOffer,
    Clawback,
    IncomingPayment,
    Irrelevant,
    OutgoingPayment,
    PaymentKind,
    Undecodable,
    Verdict,
)
from roadstead.stellar.memos import NO_MEMO, Memo, MemoKind, number_memo

MUXED = "M" + "A" * 68


def verdict(**changes: Any) -> Verdict:
    return decode(json.dumps(payment_record(7, **changes)).encode(), ACCOUNT)


def payment(**changes: Any) -> IncomingPayment:
    judged = verdict(**changes)
    assert isinstance(judged, IncomingPayment), judged
    return judged


class TestPayment:
    def test_everything_that_matching_needs_is_read(self) -> None:
        assert payment() == IncomingPayment(
            operation_id=operation_id(7),
            kind=PaymentKind.PAYMENT,
            transaction_hash=f"{operation_id(7):064x}",
            ledger_closed_at=datetime(2026, 1, 1, 0, 0, 35, tzinfo=UTC),
            payer=PAYER,
            payer_account=PAYER,
            receiving_account=ACCOUNT,
            receiving_muxed=None,
            asset=stellar_asset("EURT", ISSUER),
            amount_units=1_000_000_000,
            memo=number_memo(7),
        )

    @pytest.mark.parametrize(
        ("text", "units"),
        [("0.0000001", 1), ("99.9999999", 999_999_999), ("922337203685.4775807", 2**63 - 1)],
    )
    def test_amounts_are_exact_to_the_stroop(self, text: str, units: int) -> None:
        assert payment(amount=text).amount_units == units

    @pytest.mark.parametrize(
        "text", ["1e3", "-1.0", "NaN", "1_0", " 1", "0.00000001", "922337203685.4775808", "0.0000000", ""]
    )
    def test_an_amount_that_stellar_does_not_have_is_undecodable(self, text: str) -> None:
        assert isinstance(verdict(amount=text), Undecodable)

    def test_a_number_instead_of_a_text_amount_is_undecodable(self) -> None:
        assert isinstance(verdict(amount=100.0), Undecodable)

    def test_lumens_are_an_asset_like_any_other(self) -> None:
        assert payment(asset_type="native", asset_code=None, asset_issuer=None).asset is NATIVE

    def test_an_unknown_asset_type_is_undecodable(self) -> None:
        assert isinstance(verdict(asset_type="liquidity_pool_shares"), Undecodable)

    def test_the_payers_sub_account_is_kept_for_a_refund(self) -> None:
        assert payment(from_muxed=MUXED).payer == MUXED

    def test_the_sub_account_that_was_paid_is_kept(self) -> None:
        paid = payment(to_muxed=MUXED, to_muxed_id="18446744073709551615")
        assert (paid.receiving_account, paid.receiving_muxed) == (ACCOUNT, MUXED)

    def test_a_moment_in_another_zone_becomes_utc(self) -> None:
        paid = payment(created_at="2026-01-01T02:00:00+02:00")
        assert paid.ledger_closed_at == datetime(2026, 1, 1, tzinfo=UTC)
        assert paid.ledger_closed_at.tzinfo is UTC

    @pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00", "yesterday"])
    def test_a_moment_outside_of_the_calendar_or_without_zone_is_undecodable(self, moment: str) -> None:
        assert isinstance(verdict(created_at=moment), Undecodable)


class TestPathPayment:
    @pytest.mark.parametrize("kind", ["path_payment_strict_send", "path_payment_strict_receive"])
    def test_only_what_arrived_counts_never_what_was_given(self, kind: str) -> None:
        paid = payment(
            type=kind,
            amount="0.0000002",
            source_amount="100000.0000000",
            source_asset_type="credit_alphanum4",
            source_asset_code="USDC",
            source_asset_issuer=PAYER,
        )
        assert (paid.kind, paid.asset, paid.amount_units) == (kind, stellar_asset("EURT", ISSUER), 2)


class TestOtherCredits:
    def test_lumens_that_created_the_account_are_a_credit(self) -> None:
        paid = payment(type="create_account", account=ACCOUNT, funder=PAYER, starting_balance="50.0000000")
        assert (paid.kind, paid.payer, paid.asset, paid.amount_units) == (
            PaymentKind.CREATE_ACCOUNT,
            PAYER,
            NATIVE,
            500_000_000,
        )

    def test_an_account_created_without_lumens_received_nothing(self) -> None:
        judged = verdict(type="create_account", account=ACCOUNT, funder=PAYER, starting_balance="0.0000000")
        assert isinstance(judged, Irrelevant)

    def test_a_merged_account_is_a_credit_of_unknown_amount(self) -> None:
        paid = payment(type="account_merge", account=PAYER, account_muxed=MUXED, into=ACCOUNT)
        assert (paid.kind, paid.payer, paid.asset, paid.amount_units) == (
            PaymentKind.ACCOUNT_MERGE,
            MUXED,
            NATIVE,
            None,
        )

    @pytest.mark.parametrize(("payer", "to"), [(PAYER, ACCOUNT), (ACCOUNT, PAYER)])
    def test_what_a_contract_moves_waits_for_a_person(self, payer: str, to: str) -> None:
        change = {"type": "transfer", "from": payer, "to": to, "amount": "1.0000000"}
        assert isinstance(verdict(type="invoke_host_function", asset_balance_changes=[change]), Undecodable)

    def test_a_contract_that_credits_others_is_irrelevant(self) -> None:
        change = {"type": "transfer", "from": ISSUER, "to": PAYER, "amount": "1.0000000"}
        assert isinstance(verdict(type="invoke_host_function", asset_balance_changes=[change]), Irrelevant)
        assert isinstance(verdict(type="invoke_host_function", asset_balance_changes=None), Irrelevant)


class TestOutgoing:
    @pytest.mark.parametrize(
        ("changes", "destination", "units"),
        [
            ({"from": ACCOUNT, "to": PAYER}, PAYER, 1_000_000_000),
            ({"from": ACCOUNT, "to": PAYER, "to_muxed": MUXED}, MUXED, 1_000_000_000),
            ({"from": ACCOUNT}, ACCOUNT, 1_000_000_000),
            (
                {
                    "type": "create_account",
                    "account": PAYER,
                    "funder": ACCOUNT,
                    "starting_balance": "1.0000000",
                },
                PAYER,
                10_000_000,
            ),
            ({"type": "account_merge", "account": ACCOUNT, "into": PAYER}, PAYER, None),
        ],
        ids=["payment", "muxed", "to itself", "create_account", "merge"],
    )
    def test_what_our_account_pays_is_never_income(
        self, changes: dict[str, Any], destination: str, units: int | None
    ) -> None:
        judged = verdict(**changes)
        assert isinstance(judged, OutgoingPayment)
        assert (judged.destination, judged.amount_units) == (destination, units)

    def test_of_a_path_payment_what_left_counts(self) -> None:
        judged = verdict(
            **{"from": ACCOUNT},
            type="path_payment_strict_send",
            amount="0.0000002",
            source_amount="7.0000000",
            source_asset_type="credit_alphanum4",
            source_asset_code="USDC",
            source_asset_issuer=PAYER,
        )
        assert isinstance(judged, OutgoingPayment)
        assert (judged.asset, judged.amount_units) == (stellar_asset("USDC", PAYER), 70_000_000)


class TestBalancesAndClawbacks:
    def test_a_claim_of_ours_is_to_be_completed(self) -> None:
        judged = verdict(type="claim_claimable_balance", claimant=ACCOUNT, balance_id="0" * 72)
        assert isinstance(judged, BalanceClaim)
        assert judged.balance_id == "0" * 72

    def test_a_balance_made_for_us_is_seen_and_one_for_others_is_not(self) -> None:
        def made(claimant: str) -> Verdict:
            claimants = [{"destination": claimant, "predicate": {"unconditional": True}}]
            return verdict(type="create_claimable_balance", asset=f"EURT:{ISSUER}", claimants=claimants)

        assert isinstance(made(ACCOUNT), BalanceOffer)
        assert isinstance(made(PAYER), Irrelevant)

    def test_a_clawback_of_our_tokens_is_told_apart(self) -> None:
        judged = verdict(**{"from": ACCOUNT}, type="clawback", source_account=ISSUER)
        assert isinstance(judged, Clawback)
        assert (judged.issuer, judged.amount_units) == (ISSUER, 1_000_000_000)


class TestIrrelevant:
    @pytest.mark.parametrize(
        "changes",
        [
            {"transaction_successful": False},
            {"to": PAYER},
            {"type": "change_trust", "from": None, "to": None, "amount": None},
            {"type": "an_operation_of_the_future"},
            {"type": "create_account", "account": PAYER, "funder": ISSUER, "starting_balance": "1.0000000"},
            {"type": "account_merge", "account": ISSUER, "into": PAYER},
            {"type": "clawback", "from": PAYER},
            {"type": "claim_claimable_balance", "claimant": PAYER, "balance_id": "0" * 72},
        ],
        ids=lambda changes: ",".join(f"{name}={value}"[:24] for name, value in changes.items()),
    )
    def test_what_does_not_credit_our_account(self, changes: dict[str, Any]) -> None:
        assert isinstance(verdict(**changes), Irrelevant)


class TestMemo:
    @pytest.mark.parametrize(
        ("fields", "memo"),
        [
            ({"memo_type": "none"}, NO_MEMO),
            ({"memo_type": "id", "memo": "0"}, number_memo(0)),
            ({"memo_type": "id", "memo": "18446744073709551615"}, number_memo(2**64 - 1)),
            (text_memo_fields(b"nul \x00 and \xff\xfe"), Memo(MemoKind.TEXT, b"nul \x00 and \xff\xfe")),
            (text_memo_fields(b""), Memo(MemoKind.TEXT, b"")),
            ({"memo_type": "text", "memo": "naïve"}, Memo(MemoKind.TEXT, "naïve".encode())),
            ({"memo_type": "hash", "memo": "q6ur" * 10 + "q6s="}, Memo(MemoKind.HASH, b"\xab" * 32)),
            ({"memo_type": "return", "memo": "AAAA" * 10 + "AAA="}, Memo(MemoKind.RETURN, bytes(32))),
        ],
    )
    def test_every_memo_of_the_chain_is_kept_exactly(self, fields: dict[str, str], memo: Memo) -> None:
        assert payment(transaction=fields).memo == memo

    @pytest.mark.parametrize(
        "fields",
        [
            None,
            {},
            {"memo_type": "colour", "memo": "blue"},
            {"memo_type": "id", "memo": "18446744073709551616"},
            {"memo_type": "id", "memo": "-1"},
            {"memo_type": "id", "memo": "٣"},
            {"memo_type": "id"},
            {"memo_type": "text"},
            {"memo_type": "text", "memo_bytes": "no base64!"},
            text_memo_fields(b"x" * 29),
            {"memo_type": "hash", "memo": "AAAA"},
            {"memo_type": "none", "memo": "something"},
        ],
    )
    def test_what_no_memo_can_be_is_undecodable(self, fields: dict[str, str] | None) -> None:
        assert isinstance(verdict(transaction=fields), Undecodable)


class TestUndecodable:
    @pytest.mark.parametrize(
        "changes",
        [
            {"id": "0"},
            {"transaction_hash": "A" * 64},
            {"transaction_hash": "\x00" * 64},
            {"from": "\x00"},
            {"from_muxed": "G" + "A" * 55},
            {"to": MUXED},
            {"transaction_successful": None},
            {"transaction_successful": "yes"},
            {"type": None},
            {"asset_code": "EUR\x00"},
            {"asset_issuer": None},
        ],
        ids=str,
    )
    def test_a_field_that_horizon_never_sends(self, changes: dict[str, Any]) -> None:
        assert isinstance(verdict(**changes), Undecodable)

    @pytest.mark.parametrize("identifier", ["-1", "9223372036854775808", "1e3", "٣", "1" * 5000])
    def test_an_operation_id_that_is_no_64_bit_number(self, identifier: str) -> None:
        record = payment_record(7) | {"id": identifier}
        assert isinstance(decode(json.dumps(record).encode(), ACCOUNT), Undecodable)

    @pytest.mark.parametrize(
        "raw",
        [b"", b"null", b"[]", b"\xff", b'{"type": "\\ud800"}', b"[" * 200_000, b'{"transaction":' * 200_000],
    )
    def test_bytes_that_are_no_record(self, raw: bytes) -> None:
        assert isinstance(decode(raw, ACCOUNT), Undecodable)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_kinds = st.sampled_from([*PaymentKind, "invoke_host_function", "change_trust"])
_plausible = st.sampled_from([ACCOUNT, PAYER, MUXED, "1.0000000", "native", "0", str(2**64 - 1), "\x00", ""])


class TestEveryInput:
    @given(st.binary())
    def test_any_bytes_get_a_verdict(self, raw: bytes) -> None:
        assert isinstance(decode(raw, ACCOUNT), Verdict)

    @given(
        _kinds,
        st.dictionaries(
            st.sampled_from(
                "id created_at transaction_hash transaction asset_type asset_code asset_issuer from from_muxed to "
                "to_muxed amount funder account starting_balance into asset_balance_changes".split()
            ),
            _anything | _plausible,
        ),
    )
    def test_a_record_with_any_fields_gets_a_verdict_that_can_be_stored(
        self, kind: str, changes: dict[str, Any]
    ) -> None:
        record = payment_record(7, type=kind, account=ACCOUNT, funder=PAYER, starting_balance="1.0000000")
        judged = decode(json.dumps(record | changes).encode(), ACCOUNT)
        if isinstance(judged, IncomingPayment):
            assert 0 < judged.operation_id < 2**63
            assert judged.amount_units is None or 0 < judged.amount_units < 2**63
            assert "\x00" not in judged.payer + judged.transaction_hash + judged.asset.id
            assert (judged.memo.kind is MemoKind.NONE) == (judged.memo.raw is None)
            assert judged.receiving_account == ACCOUNT
        else:
            assert isinstance(judged, Verdict)

    @given(st.binary(max_size=28))
    def test_any_text_memo_comes_through_whole(self, raw: bytes) -> None:
        assert payment(transaction=text_memo_fields(raw)).memo == Memo(MemoKind.TEXT, raw)
