"""How an operation ends: a code, what the result carries, and the trades it made."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from stellar_sdk import xdr

from . import pack
from .assets import AccountId, Asset, pack_account, pack_asset

_Codes = xdr.OperationResultCode
OUTER = _Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One offer taken by an operation, as the claim atom of its result says it."""

    seller: AccountId
    offer_id: int
    sold: Asset
    amount_sold: int
    bought: Asset
    amount_bought: int
    price_n: int
    price_d: int

    def packed(self) -> bytes:
        """The XDR ClaimAtom."""
        return b"".join(
            [
                pack.ONE,
                pack_account(self.seller),
                pack.int64(self.offer_id),
                pack_asset(self.sold),
                pack.int64(self.amount_sold),
                pack_asset(self.bought),
                pack.int64(self.amount_bought),
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one operation. `code` is the operation's own, unless `outer` is not zero."""

    code: int = 0
    outer: int = 0
    payload: bytes = b""
    trades: tuple[Trade, ...] = ()
    amount: int = 0
    """What a result says beyond its code: merged balance, or the source amount of a path payment."""

    @property
    def succeeded(self) -> bool:
        """Whether the operation was done."""
        return self.outer == 0 and self.code == 0


DONE = Outcome()


def refused(code: IntEnum, payload: bytes = b"") -> Outcome:
    """The operation ends with one of its own codes."""
    return Outcome(code=int(code), payload=payload)


def refused_outside(code: xdr.OperationResultCode) -> Outcome:
    """The operation ends with a code common to all operations."""
    return Outcome(outer=int(code))


_SHOWN_AS = {4: 3}
"""A passive offer's result is told as that of a sell offer."""


def packed_outcome(operation_type: int, outcome: Outcome) -> bytes:
    """The XDR OperationResult."""
    if outcome.outer:
        return pack.int32(outcome.outer)
    shown = _SHOWN_AS.get(operation_type, operation_type)
    return pack.ZERO + pack.int32(shown) + pack.int32(outcome.code) + outcome.payload


_RESULT_ENUMS: dict[int, type[IntEnum]] = {
    0: xdr.CreateAccountResultCode,
    1: xdr.PaymentResultCode,
    2: xdr.PathPaymentStrictReceiveResultCode,
    3: xdr.ManageSellOfferResultCode,
    4: xdr.ManageSellOfferResultCode,
    5: xdr.SetOptionsResultCode,
    6: xdr.ChangeTrustResultCode,
    7: xdr.AllowTrustResultCode,
    8: xdr.AccountMergeResultCode,
    9: xdr.InflationResultCode,
    10: xdr.ManageDataResultCode,
    11: xdr.BumpSequenceResultCode,
    12: xdr.ManageBuyOfferResultCode,
    13: xdr.PathPaymentStrictSendResultCode,
    14: xdr.CreateClaimableBalanceResultCode,
    15: xdr.ClaimClaimableBalanceResultCode,
    16: xdr.BeginSponsoringFutureReservesResultCode,
    17: xdr.EndSponsoringFutureReservesResultCode,
    18: xdr.RevokeSponsorshipResultCode,
    19: xdr.ClawbackResultCode,
    20: xdr.ClawbackClaimableBalanceResultCode,
    21: xdr.SetTrustLineFlagsResultCode,
}

_IRREGULAR = {
    "CREATE_ACCOUNT_ALREADY_EXIST": "op_already_exists",
    "PATH_PAYMENT_STRICT_RECEIVE_OFFER_CROSS_SELF": "op_cross_self",
    "PATH_PAYMENT_STRICT_RECEIVE_OVER_SENDMAX": "op_over_source_max",
    "PATH_PAYMENT_STRICT_SEND_OFFER_CROSS_SELF": "op_cross_self",
    "PATH_PAYMENT_STRICT_SEND_UNDER_DESTMIN": "op_under_dest_min",
    "MANAGE_SELL_OFFER_SELL_NOT_AUTHORIZED": "sell_not_authorized",
    "MANAGE_SELL_OFFER_BUY_NOT_AUTHORIZED": "buy_not_authorized",
    "MANAGE_SELL_OFFER_BUY_NO_ISSUER": "buy_no_issuer",
    "MANAGE_SELL_OFFER_NOT_FOUND": "op_offer_not_found",
    "MANAGE_BUY_OFFER_SELL_NOT_AUTHORIZED": "sell_not_authorized",
    "MANAGE_BUY_OFFER_BUY_NOT_AUTHORIZED": "buy_not_authorized",
    "MANAGE_BUY_OFFER_BUY_NO_ISSUER": "buy_no_issuer",
    "MANAGE_BUY_OFFER_NOT_FOUND": "op_offer_not_found",
    "CHANGE_TRUST_NOT_AUTH_MAINTAIN_LIABILITIES": "op_not_aut_maintain_liabilities",
    "ALLOW_TRUST_NO_TRUST_LINE": "op_no_trust",
    "ALLOW_TRUST_TRUST_NOT_REQUIRED": "op_not_required",
    "ACCOUNT_MERGE_HAS_SUB_ENTRIES": "op_has_sub_entries",
    "ACCOUNT_MERGE_SEQNUM_TOO_FAR": "op_seq_num_too_far",
    "MANAGE_DATA_NAME_NOT_FOUND": "op_data_name_not_found",
    "MANAGE_DATA_INVALID_NAME": "op_data_invalid_name",
    "SET_TRUST_LINE_FLAGS_NO_TRUST_LINE": "op_no_trust",
    "CLAWBACK_CLAIMABLE_BALANCE_NOT_ISSUER": "op_no_issuer",
}

_OUTER_NAMES = {
    -1: "op_bad_auth",
    -2: "op_no_source_account",
    -3: "op_not_supported",
    -4: "op_too_many_subentries",
    -5: "op_exceeded_work_limit",
    -6: "op_too_many_sponsoring",
}

_TRANSACTION_IRREGULAR = {
    "txNO_ACCOUNT": "tx_no_source_account",
    "txBAD_MIN_SEQ_AGE_OR_GAP": "tx_bad_minseq_age_or_gap",
}


@lru_cache(maxsize=512)
def outcome_name(operation_type: int, outcome: Outcome) -> str:
    """What Horizon calls this end of an operation."""
    if outcome.outer:
        return _OUTER_NAMES[outcome.outer]
    if outcome.code == 0:
        return "op_success"
    codes = _RESULT_ENUMS[operation_type]
    member = codes(outcome.code).name
    if member in _IRREGULAR:
        return _IRREGULAR[member]
    success = codes(0).name
    return "op_" + member.removeprefix(success.removesuffix("SUCCESS")).lower()


@lru_cache(maxsize=64)
def transaction_code_name(code: int) -> str:
    """What Horizon calls this end of a transaction."""
    member = xdr.TransactionResultCode(code).name
    if member in _TRANSACTION_IRREGULAR:
        return _TRANSACTION_IRREGULAR[member]
    return "tx_" + member.removeprefix("tx").lower()
