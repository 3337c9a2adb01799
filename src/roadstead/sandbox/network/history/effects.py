"""What operations did to accounts, in Horizon's words."""

import base64
from collections.abc import Callable
from typing import Any

from stellar_sdk import xdr

from roadstead.sandbox.network.ledger.assets import (
    Asset,
    Party,
    account_from_xdr,
    address,
    asset_from_xdr,
    party_from_xdr,
)
from roadstead.sandbox.network.ledger.operations.authorization import allowed_asset
from roadstead.sandbox.network.ledger.outcome import Outcome
from roadstead.sandbox.network.ledger.signatures import key_of_account
from roadstead.sandbox.network.ledger.state import (
    Account,
    ClaimableBalance,
    Data,
    Entry,
    Key,
    TrustLine,
)
from roadstead.sandbox.network.ledger.transaction import Operation

from .amounts import amount, asset_fields
from .details import delivered, signer_text
from .predicates import predicate_fields
from .records import Effect
from .sponsorship_effects import sponsorship_effects

Changes = list[tuple[Key, Entry | None, Entry | None]]
Details = dict[str, Any]

NAMES = {
    0: "account_created",
    1: "account_removed",
    2: "account_credited",
    3: "account_debited",
    4: "account_thresholds_updated",
    5: "account_home_domain_updated",
    6: "account_flags_updated",
    7: "account_inflation_destination_updated",
    10: "signer_created",
    11: "signer_removed",
    12: "signer_updated",
    20: "trustline_created",
    21: "trustline_removed",
    22: "trustline_updated",
    23: "trustline_authorized",
    24: "trustline_deauthorized",
    25: "trustline_authorized_to_maintain_liabilities",
    26: "trustline_flags_updated",
    33: "trade",
    40: "data_created",
    41: "data_removed",
    42: "data_updated",
    43: "sequence_bumped",
    50: "claimable_balance_created",
    51: "claimable_balance_claimant_created",
    52: "claimable_balance_claimed",
    80: "claimable_balance_clawed_back",
}

_CREDITED = 2
_DEBITED = 3

_ACCOUNT_FLAGS = {1: "auth_required_flag"}
"""Horizon tells the other flags under names that never reach its answers."""

_LINE_FLAGS = {
    1: "authorized_flag",
    4: "clawback_enabled_flag",
}


class _Collector:
    """Collects the effects of one operation in their order."""

    def __init__(self, operation: Operation, outcome: Outcome, changes: Changes) -> None:
        self.operation = operation
        self.outcome = outcome
        self.changes = changes
        self.body = operation.body
        self.source = operation.source
        self.found: list[Effect] = []

    def add(self, party: Party, kind: int, details: Details) -> None:
        self.found.append(
            Effect(
                account=address(party.account),
                mux_id=party.mux_id,
                type=kind,
                name=NAMES[kind],
                details=details,
            )
        )

    def credit(self, party: Party, asset: Asset, units: int) -> None:
        self.add(party, _CREDITED, {**asset_fields(asset), "amount": amount(units)})

    def debit(self, party: Party, asset: Asset, units: int) -> None:
        self.add(party, _DEBITED, {**asset_fields(asset), "amount": amount(units)})

    def trades(self) -> None:
        for trade in self.outcome.trades:
            if trade.amount_sold == 0 and trade.amount_bought == 0:
                continue
            taken = self._side(trade.bought, trade.amount_bought, trade.sold, trade.amount_sold)
            given = self._side(trade.sold, trade.amount_sold, trade.bought, trade.amount_bought)
            offer_id = str(trade.offer_id)
            seller, taker = address(trade.seller), address(self.source.account)
            self.add(self.source, 33, {"seller": seller, "offer_id": offer_id, **taken})
            self.add(Party(trade.seller), 33, {"seller": taker, "offer_id": offer_id, **given})

    @staticmethod
    def _side(sold: Asset, sold_units: int, bought: Asset, bought_units: int) -> Details:
        return {
            "sold_amount": amount(sold_units),
            **asset_fields(sold, "sold_"),
            "bought_amount": amount(bought_units),
            **asset_fields(bought, "bought_"),
        }


def _create_account(at: _Collector) -> None:
    body: xdr.CreateAccountOp = at.body
    created = Party(account_from_xdr(body.destination))
    units = body.starting_balance.int64
    at.add(created, 0, {"starting_balance": amount(units)})
    at.debit(at.source, Asset(b"", b""), units)
    at.add(created, 10, {"weight": 1, "public_key": address(created.account), "key": ""})


def _payment(at: _Collector) -> None:
    body: xdr.PaymentOp = at.body
    asset = asset_from_xdr(body.asset)
    at.credit(party_from_xdr(body.destination), asset, body.amount.int64)
    at.debit(at.source, asset, body.amount.int64)


def _strict_receive(at: _Collector) -> None:
    body: xdr.PathPaymentStrictReceiveOp = at.body
    bought, sold = asset_from_xdr(body.dest_asset), asset_from_xdr(body.send_asset)
    at.credit(party_from_xdr(body.destination), bought, body.dest_amount.int64)
    at.debit(at.source, sold, at.outcome.amount)
    at.trades()


def _strict_send(at: _Collector) -> None:
    body: xdr.PathPaymentStrictSendOp = at.body
    bought, sold = asset_from_xdr(body.dest_asset), asset_from_xdr(body.send_asset)
    at.credit(party_from_xdr(body.destination), bought, delivered(at.outcome))
    at.debit(at.source, sold, body.send_amount.int64)
    at.trades()


def _flag_fields(bits: xdr.Uint32 | None, names: dict[int, str], *, value: bool) -> Details:
    if bits is None:
        return {}
    return {name: value for bit, name in names.items() if bits.uint32 & bit}


def _set_options(at: _Collector) -> None:
    body: xdr.SetOptionsOp = at.body
    if body.home_domain is not None:
        text = body.home_domain.string32.decode("utf-8", "replace")
        at.add(at.source, 5, {"home_domain": text})
    thresholds = {
        "low_threshold": body.low_threshold,
        "med_threshold": body.med_threshold,
        "high_threshold": body.high_threshold,
    }
    if any(value is not None for value in thresholds.values()):
        told = {name: 0 if value is None else value.uint32 for name, value in thresholds.items()}
        at.add(at.source, 4, told)
    if any(bits is not None and bits.uint32 for bits in (body.set_flags, body.clear_flags)):
        flags = _flag_fields(body.set_flags, _ACCOUNT_FLAGS, value=True)
        at.add(at.source, 6, flags | _flag_fields(body.clear_flags, _ACCOUNT_FLAGS, value=False))
    if body.inflation_dest is not None:
        at.add(at.source, 7, {})
    _signer_effects(at)


def _weights(account: Account) -> dict[str, int]:
    found = {signer_text(signer.key): signer.weight for signer in account.signers}
    if account.thresholds[0]:
        found[signer_text(key_of_account(account.account))] = account.thresholds[0]
    return found


def _signer_effects(at: _Collector) -> None:
    for _, before, after in at.changes:
        if not isinstance(before, Account) or not isinstance(after, Account):
            continue
        old, new = _weights(before), _weights(after)
        for key in sorted(old):
            if key not in new:
                at.add(at.source, 11, {"weight": 0, "public_key": key, "key": ""})
            elif new[key] != old[key]:
                at.add(at.source, 12, {"weight": new[key], "public_key": key, "key": ""})
        for key in sorted(new):
            if key not in old:
                at.add(at.source, 10, {"weight": new[key], "public_key": key, "key": ""})


def _change_trust(at: _Collector) -> None:
    body: xdr.ChangeTrustOp = at.body
    details = {**asset_fields(asset_from_xdr(body.line)), "limit": amount(body.limit.int64)}
    for _, before, after in at.changes:
        if not isinstance(before or after, TrustLine):
            continue
        kind = 20 if before is None else 21 if after is None else 22
        at.add(at.source, kind, details)
        return


def _line_flags(at: _Collector, trustor: str, asset: Asset, flags: Details) -> None:
    at.add(at.source, 26, {**asset_fields(asset), "trustor": trustor, **flags})


def _allow_trust(at: _Collector) -> None:
    body: xdr.AllowTrustOp = at.body
    asset = allowed_asset(body.asset, at.source.account)
    trustor = address(account_from_xdr(body.trustor))
    kind, flags = {
        1: (23, {_LINE_FLAGS[1]: True}),
        2: (25, {}),
    }.get(body.authorize.uint32, (24, {_LINE_FLAGS[1]: False}))
    shown = {"trustor": trustor, "asset_type": asset.kind, "asset_code": asset.name}
    at.add(at.source, kind, shown)
    _line_flags(at, trustor, asset, flags)


def _set_line_flags(at: _Collector) -> None:
    body: xdr.SetTrustLineFlagsOp = at.body
    flags = _flag_fields(body.set_flags, _LINE_FLAGS, value=True)
    flags |= _flag_fields(body.clear_flags, _LINE_FLAGS, value=False)
    trustor = address(account_from_xdr(body.trustor))
    _line_flags(at, trustor, asset_from_xdr(body.asset), flags)


def _merge(at: _Collector) -> None:
    lumens = Asset(b"", b"")
    at.debit(at.source, lumens, at.outcome.amount)
    at.credit(party_from_xdr(at.body), lumens, at.outcome.amount)
    at.add(at.source, 1, {})


def _manage_data(at: _Collector) -> None:
    body: xdr.ManageDataOp = at.body
    name = body.data_name.string64.decode("utf-8", "replace")
    for _, before, after in at.changes:
        if not isinstance(before or after, Data):
            continue
        kind = 40 if before is None else 41 if after is None else 42
        details = {"name": name}
        if isinstance(after, Data):
            details["value"] = base64.b64encode(after.value).decode()
        at.add(at.source, kind, details)
        return


def _bump_sequence(at: _Collector) -> None:
    for _, before, after in at.changes:
        if isinstance(before, Account) and isinstance(after, Account):
            if before.sequence != after.sequence:
                at.add(at.source, 43, {"new_seq": str(after.sequence)})
            return


def _balance(at: _Collector) -> ClaimableBalance | None:
    for _, before, after in at.changes:
        entry = after or before
        if isinstance(entry, ClaimableBalance):
            return entry
    return None


def _balance_fields(entry: ClaimableBalance) -> Details:
    return {
        "asset": str(entry.asset),
        "balance_id": "00000000" + entry.balance_id.hex(),
        "amount": amount(entry.amount),
    }


def _create_balance(at: _Collector) -> None:
    body: xdr.CreateClaimableBalanceOp = at.body
    entry = _balance(at)
    if entry is None:
        return
    fields = _balance_fields(entry)
    at.add(at.source, 50, fields)
    for claimant in body.claimants:
        if claimant.v0 is not None:
            party = Party(account_from_xdr(claimant.v0.destination))
            at.add(party, 51, {**fields, "predicate": predicate_fields(claimant.v0.predicate)})
    at.debit(at.source, entry.asset, entry.amount)


def _claim(at: _Collector) -> None:
    entry = _balance(at)
    if entry is None:
        return
    at.add(at.source, 52, _balance_fields(entry))
    at.credit(at.source, entry.asset, entry.amount)


def _clawback(at: _Collector) -> None:
    body: xdr.ClawbackOp = at.body
    asset = asset_from_xdr(body.asset)
    at.credit(at.source, asset, body.amount.int64)
    at.debit(party_from_xdr(body.from_), asset, body.amount.int64)


def _clawback_balance(at: _Collector) -> None:
    entry = _balance(at)
    if entry is None:
        return
    at.add(at.source, 80, {"balance_id": "00000000" + entry.balance_id.hex()})
    at.credit(at.source, entry.asset, entry.amount)


def _only_trades(at: _Collector) -> None:
    at.trades()


_WRITERS: dict[int, Callable[[_Collector], None]] = {
    0: _create_account,
    1: _payment,
    2: _strict_receive,
    3: _only_trades,
    4: _only_trades,
    5: _set_options,
    6: _change_trust,
    7: _allow_trust,
    8: _merge,
    10: _manage_data,
    11: _bump_sequence,
    12: _only_trades,
    13: _strict_send,
    14: _create_balance,
    15: _claim,
    19: _clawback,
    20: _clawback_balance,
    21: _set_line_flags,
}


def effects_of(operation: Operation, outcome: Outcome, changes: Changes) -> list[Effect]:
    """The effects of one operation that was done."""
    at = _Collector(operation, outcome, changes)
    writer = _WRITERS.get(operation.type)
    if writer is not None:
        writer(at)
    return [*at.found, *sponsorship_effects(operation.source, changes)]
