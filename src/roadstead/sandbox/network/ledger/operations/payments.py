"""payment and the two path payments."""

from dataclasses import dataclass
from enum import IntEnum

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger import pack
from roadstead.sandbox.network.ledger.assets import (
    AccountId,
    Asset,
    asset_from_xdr,
    is_issuer,
    is_valid_asset,
    pack_account,
    pack_asset,
    party_from_xdr,
)
from roadstead.sandbox.network.ledger.balances import available_lumens, is_authorized, with_lumens, with_units
from roadstead.sandbox.network.ledger.crossing import ConversionEnd, convert_for_receive, convert_for_send
from roadstead.sandbox.network.ledger.outcome import DONE, Outcome, Trade, refused

from .rule import Check, Turn

_Pay = xdr.PaymentResultCode
_Receive = xdr.PathPaymentStrictReceiveResultCode
_Send = xdr.PathPaymentStrictSendResultCode

OFFERS_CROSSED_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitCodes:
    """The codes of one kind of operation that takes from its source, under common names."""

    src_no_trust: IntEnum
    src_not_authorized: IntEnum
    underfunded: IntEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes(DebitCodes):
    """The codes of one kind of payment, under common names."""

    no_destination: IntEnum
    no_trust: IntEnum
    not_authorized: IntEnum
    line_full: IntEnum
    too_few_offers: IntEnum
    cross_self: IntEnum


def _codes(prefix: str, codes: type[IntEnum], *, trades: bool) -> Codes:
    def member(name: str) -> IntEnum:
        return codes[f"{prefix}_{name}"]

    return Codes(
        no_destination=member("NO_DESTINATION"),
        no_trust=member("NO_TRUST"),
        not_authorized=member("NOT_AUTHORIZED"),
        line_full=member("LINE_FULL"),
        src_no_trust=member("SRC_NO_TRUST"),
        src_not_authorized=member("SRC_NOT_AUTHORIZED"),
        underfunded=member("UNDERFUNDED"),
        too_few_offers=member("TOO_FEW_OFFERS" if trades else "MALFORMED"),
        cross_self=member("OFFER_CROSS_SELF" if trades else "MALFORMED"),
    )


PAYMENT = _codes("PAYMENT", _Pay, trades=False)
STRICT_RECEIVE = _codes("PATH_PAYMENT_STRICT_RECEIVE", _Receive, trades=True)
STRICT_SEND = _codes("PATH_PAYMENT_STRICT_SEND", _Send, trades=True)


def check_payment(check: Check) -> IntEnum | None:
    """A positive amount of a well-formed asset."""
    body: xdr.PaymentOp = check.body
    if body.amount.int64 <= 0 or not is_valid_asset(asset_from_xdr(body.asset)):
        return _Pay.PAYMENT_MALFORMED
    return None


def credit(turn: Turn, receiver: AccountId, asset: Asset, amount: int, codes: Codes) -> IntEnum | None:
    """Add to a receiver's balance."""
    view = turn.view
    if asset.is_native:
        account = view.account(receiver)
        paid = None if account is None else with_lumens(account, amount, turn.terms)
        if paid is None:
            return codes.line_full
        view.put(paid)
        return None
    if is_issuer(receiver, asset):
        return None
    line = view.line(receiver, asset)
    if line is None:
        return codes.no_trust
    if not is_authorized(line):
        return codes.not_authorized
    filled = with_units(line, amount)
    if filled is None:
        return codes.line_full
    view.put(filled)
    return None


def debit(turn: Turn, asset: Asset, amount: int, codes: DebitCodes) -> IntEnum | None:
    """Take from the source's balance."""
    view = turn.view
    if asset.is_native:
        account = turn.source_account()
        if amount > available_lumens(account, turn.terms):
            return codes.underfunded
        paid = with_lumens(account, -amount, turn.terms)
        if paid is None:
            return codes.underfunded
        view.put(paid)
        return None
    if is_issuer(turn.source, asset):
        return None
    line = view.line(turn.source, asset)
    if line is None:
        return codes.src_no_trust
    if not is_authorized(line):
        return codes.src_not_authorized
    left = with_units(line, -amount)
    if left is None:
        return codes.underfunded
    view.put(left)
    return None


def _destination_missing(
    turn: Turn, destination: AccountId, sold: Asset, bought: Asset, path: list[Asset]
) -> bool:
    """Paying an asset back to its issuer works even where the issuer is gone."""
    if sold == bought and not path and is_issuer(destination, bought):
        return False
    return turn.view.peek_account(destination) is None


def apply_payment(turn: Turn) -> Outcome:
    """Move an amount from the source to a destination: the destination is checked first."""
    body: xdr.PaymentOp = turn.body
    destination = party_from_xdr(body.destination).account
    asset = asset_from_xdr(body.asset)
    amount = body.amount.int64
    if asset.is_native and destination == turn.source:
        return DONE
    if _destination_missing(turn, destination, asset, asset, []):
        return refused(PAYMENT.no_destination)
    problem = credit(turn, destination, asset, amount, PAYMENT) or debit(turn, asset, amount, PAYMENT)
    return DONE if problem is None else refused(problem)


def _path(values: list[xdr.Asset]) -> list[Asset]:
    return [asset_from_xdr(value) for value in values]


def check_receive(check: Check) -> IntEnum | None:
    """Positive amounts of well-formed assets."""
    body: xdr.PathPaymentStrictReceiveOp = check.body
    assets = [asset_from_xdr(body.send_asset), asset_from_xdr(body.dest_asset), *_path(body.path)]
    positive = body.dest_amount.int64 > 0 and body.send_max.int64 > 0
    if positive and all(is_valid_asset(asset) for asset in assets):
        return None
    return _Receive.PATH_PAYMENT_STRICT_RECEIVE_MALFORMED


def check_send(check: Check) -> IntEnum | None:
    """Positive amounts of well-formed assets."""
    body: xdr.PathPaymentStrictSendOp = check.body
    assets = [asset_from_xdr(body.send_asset), asset_from_xdr(body.dest_asset), *_path(body.path)]
    positive = body.send_amount.int64 > 0 and body.dest_min.int64 > 0
    if positive and all(is_valid_asset(asset) for asset in assets):
        return None
    return _Send.PATH_PAYMENT_STRICT_SEND_MALFORMED


def _conversion_problem(end: ConversionEnd, codes: Codes) -> Outcome | None:
    match end:
        case ConversionEnd.DONE:
            return None
        case ConversionEnd.TOO_FEW_OFFERS | ConversionEnd.BAD_PRICE:
            return refused(codes.too_few_offers)
        case ConversionEnd.CROSSED_SELF:
            return refused(codes.cross_self)
        case ConversionEnd.TOO_MANY_OFFERS:
            return Outcome(outer=int(xdr.OperationResultCode.opEXCEEDED_WORK_LIMIT))


def _success(
    trades: list[Trade], destination: AccountId, asset: Asset, amount: int, source_amount: int
) -> Outcome:
    payload = (
        pack.array(trade.packed() for trade in trades)
        + pack_account(destination)
        + pack_asset(asset)
        + pack.int64(amount)
    )
    return Outcome(payload=payload, trades=tuple(trades), amount=source_amount)


def apply_receive(turn: Turn) -> Outcome:
    """Deliver a fixed amount, paying what the path costs: worked out from the end backwards."""
    body: xdr.PathPaymentStrictReceiveOp = turn.body
    destination = party_from_xdr(body.destination).account
    sold, bought, path = (
        asset_from_xdr(body.send_asset),
        asset_from_xdr(body.dest_asset),
        _path(body.path),
    )
    if _destination_missing(turn, destination, sold, bought, path):
        return refused(STRICT_RECEIVE.no_destination)
    problem = credit(turn, destination, bought, body.dest_amount.int64, STRICT_RECEIVE)
    if problem is not None:
        return refused(problem)
    wanted, wanted_asset = body.dest_amount.int64, bought
    trades: list[Trade] = []
    for asset in [*reversed(path), sold]:
        if asset == wanted_asset:
            continue
        conversion = convert_for_receive(
            turn,
            sold=asset,
            bought=wanted_asset,
            amount=wanted,
            offers_max=OFFERS_CROSSED_MAX - len(trades),
        )
        ended = _conversion_problem(conversion.end, STRICT_RECEIVE)
        if ended is not None:
            return ended
        trades = [*conversion.trades, *trades]
        wanted, wanted_asset = conversion.amount_sold, asset
    if wanted > body.send_max.int64:
        return refused(_Receive.PATH_PAYMENT_STRICT_RECEIVE_OVER_SENDMAX)
    problem = debit(turn, sold, wanted, STRICT_RECEIVE)
    if problem is not None:
        return refused(problem)
    return _success(trades, destination, bought, body.dest_amount.int64, wanted)


def apply_send(turn: Turn) -> Outcome:
    """Send a fixed amount, delivering what the path yields: worked out from the start forwards."""
    body: xdr.PathPaymentStrictSendOp = turn.body
    destination = party_from_xdr(body.destination).account
    sold, bought, path = (
        asset_from_xdr(body.send_asset),
        asset_from_xdr(body.dest_asset),
        _path(body.path),
    )
    if _destination_missing(turn, destination, sold, bought, path):
        return refused(STRICT_SEND.no_destination)
    problem = debit(turn, sold, body.send_amount.int64, STRICT_SEND)
    if problem is not None:
        return refused(problem)
    held, held_asset = body.send_amount.int64, sold
    trades: list[Trade] = []
    for asset in [*path, bought]:
        if asset == held_asset:
            continue
        conversion = convert_for_send(
            turn,
            sold=held_asset,
            bought=asset,
            amount=held,
            offers_max=OFFERS_CROSSED_MAX - len(trades),
        )
        ended = _conversion_problem(conversion.end, STRICT_SEND)
        if ended is not None:
            return ended
        trades += conversion.trades
        held, held_asset = conversion.amount_bought, asset
    if held < body.dest_min.int64:
        return refused(_Send.PATH_PAYMENT_STRICT_SEND_UNDER_DESTMIN)
    problem = credit(turn, destination, bought, held, STRICT_SEND)
    if problem is not None:
        return refused(problem)
    return _success(trades, destination, bought, held, body.send_amount.int64)
