"""What Horizon tells of each kind of operation, in its order and its words."""

import base64
from collections.abc import Callable
from typing import Any

from stellar_sdk import StrKey, xdr

from roadstead.sandbox.network.ledger.assets import (
    AccountId,
    Asset,
    Party,
    account_from_xdr,
    address,
    asset_from_xdr,
    muxed_address,
    party_from_xdr,
)
from roadstead.sandbox.network.ledger.outcome import Outcome
from roadstead.sandbox.network.ledger.signatures import KEY_ED25519, KEY_HASH, KEY_PRE_AUTHORIZED, key_kind
from roadstead.sandbox.network.ledger.transaction import Operation

from .amounts import amount, asset_fields, price
from .predicates import predicate_fields

Details = dict[str, Any]

ACCOUNT_FLAGS = {
    1: "auth_required",
    2: "auth_revocable",
    4: "auth_immutable",
    8: "auth_clawback_enabled",
}
LINE_FLAGS = {
    1: "authorized",
    2: "authorized_to_maintain_liabilites",
    4: "clawback_enabled",
}


def signer_text(key: bytes) -> str:
    """The written form of a packed signer key."""
    match key_kind(key):
        case int(kind) if kind == KEY_ED25519:
            return address(key[4:])
        case int(kind) if kind == KEY_PRE_AUTHORIZED:
            return StrKey.encode_pre_auth_tx(key[4:])
        case int(kind) if kind == KEY_HASH:
            return StrKey.encode_sha256_hash(key[4:])
        case _:
            return StrKey.encode_ed25519_signed_payload(key[4:])


def muxed_fields(party: Party, name: str) -> Details:
    """The muxed form of a party under a name; an id of zero is left out, as Horizon does."""
    if party.mux_id is None:
        return {}
    fields: Details = {f"{name}_muxed": muxed_address(party)}
    if party.mux_id:
        fields[f"{name}_muxed_id"] = str(party.mux_id)
    return fields


def party_fields(party: Party, name: str) -> Details:
    """An account under a name, and its muxed form where it has one."""
    fields: Details = {name: address(party.account)}
    return fields | muxed_fields(party, name)


def _create_account(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.CreateAccountOp = operation.body
    return {
        "starting_balance": amount(body.starting_balance.int64),
        **party_fields(operation.source, "funder"),
        "account": address(account_from_xdr(body.destination)),
    }


def _payment(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.PaymentOp = operation.body
    return {
        **asset_fields(asset_from_xdr(body.asset)),
        **party_fields(operation.source, "from"),
        **party_fields(party_from_xdr(body.destination), "to"),
        "amount": amount(body.amount.int64),
    }


def _path(values: list[xdr.Asset]) -> list[dict[str, str]]:
    return [asset_fields(asset_from_xdr(value)) for value in values]


def _strict_receive(operation: Operation, outcome: Outcome) -> Details:
    body: xdr.PathPaymentStrictReceiveOp = operation.body
    return {
        **asset_fields(asset_from_xdr(body.dest_asset)),
        **party_fields(operation.source, "from"),
        **party_fields(party_from_xdr(body.destination), "to"),
        "amount": amount(body.dest_amount.int64),
        "path": _path(body.path),
        "source_amount": amount(outcome.amount),
        "source_max": amount(body.send_max.int64),
        **asset_fields(asset_from_xdr(body.send_asset), "source_"),
    }


def delivered(outcome: Outcome) -> int:
    """What a strict send delivered: the last number of its result."""
    return int.from_bytes(outcome.payload[-8:], "big") if outcome.succeeded else 0


def _strict_send(operation: Operation, outcome: Outcome) -> Details:
    body: xdr.PathPaymentStrictSendOp = operation.body
    return {
        **asset_fields(asset_from_xdr(body.dest_asset)),
        **party_fields(operation.source, "from"),
        **party_fields(party_from_xdr(body.destination), "to"),
        "amount": amount(delivered(outcome)),
        "path": _path(body.path),
        "source_amount": amount(body.send_amount.int64),
        "destination_min": amount(body.dest_min.int64),
        **asset_fields(asset_from_xdr(body.send_asset), "source_"),
    }


def _offer_fields(amount_stroops: int, quoted: xdr.Price, buying: xdr.Asset, selling: xdr.Asset) -> Details:
    n, d = quoted.n.int32, quoted.d.int32
    return {
        "amount": amount(amount_stroops),
        "price": price(n, d),
        "price_r": {"n": n, "d": d},
        **asset_fields(asset_from_xdr(buying), "buying_"),
        **asset_fields(asset_from_xdr(selling), "selling_"),
    }


def _sell_offer(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ManageSellOfferOp = operation.body
    fields = _offer_fields(body.amount.int64, body.price, body.buying, body.selling)
    return {**fields, "offer_id": str(body.offer_id.int64)}


def _buy_offer(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ManageBuyOfferOp = operation.body
    fields = _offer_fields(body.buy_amount.int64, body.price, body.buying, body.selling)
    return {**fields, "offer_id": str(body.offer_id.int64)}


def _passive_offer(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.CreatePassiveSellOfferOp = operation.body
    return _offer_fields(body.amount.int64, body.price, body.buying, body.selling)


def flag_fields(value: int, names: dict[int, str], prefix: str) -> Details:
    """The flags of a bit field as numbers and as names."""
    found = [bit for bit in names if value & bit]
    return {f"{prefix}_flags": found, f"{prefix}_flags_s": [names[bit] for bit in found]}


def _set_options(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.SetOptionsOp = operation.body
    fields: Details = {}
    if body.home_domain is not None and body.home_domain.string32:
        fields["home_domain"] = body.home_domain.string32.decode("utf-8", "replace")
    if body.inflation_dest is not None:
        fields["inflation_dest"] = address(account_from_xdr(body.inflation_dest))
    if body.master_weight is not None:
        fields["master_key_weight"] = body.master_weight.uint32
    if body.signer is not None:
        fields["signer_key"] = signer_text(body.signer.key.to_xdr_bytes())
        fields["signer_weight"] = body.signer.weight.uint32
    for name, flags in (("set", body.set_flags), ("clear", body.clear_flags)):
        if flags is not None and flags.uint32:
            fields |= flag_fields(flags.uint32, ACCOUNT_FLAGS, name)
    thresholds = (
        ("low", body.low_threshold),
        ("med", body.med_threshold),
        ("high", body.high_threshold),
    )
    for name, value in thresholds:
        if value is not None:
            fields[f"{name}_threshold"] = value.uint32
    return fields


def _change_trust(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ChangeTrustOp = operation.body
    asset = asset_from_xdr(body.line)
    return {
        **asset_fields(asset),
        "limit": amount(body.limit.int64),
        "trustee": address(asset.issuer) if asset.issuer else "",
        **party_fields(operation.source, "trustor"),
    }


def allowed_asset(operation: Operation) -> Asset:
    """The asset an allow-trust names: the source issues it."""
    code: xdr.AssetCode = operation.body.asset
    raw = (
        code.asset_code4.asset_code4
        if code.asset_code4 is not None
        else code.asset_code12.asset_code12
        if code.asset_code12 is not None
        else b""
    )
    return Asset(raw, operation.source.account)


def _allow_trust(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.AllowTrustOp = operation.body
    level = body.authorize.uint32
    return {
        **asset_fields(allowed_asset(operation)),
        **party_fields(operation.source, "trustee"),
        "trustor": address(account_from_xdr(body.trustor)),
        "authorize": bool(level & 1),
        "authorize_to_maintain_liabilities": bool(level & 3),
    }


def _merge(operation: Operation, _outcome: Outcome) -> Details:
    return {
        **party_fields(operation.source, "account"),
        **party_fields(party_from_xdr(operation.body), "into"),
    }


def _nothing(_operation: Operation, _outcome: Outcome) -> Details:
    return {}


def _manage_data(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ManageDataOp = operation.body
    value = b"" if body.data_value is None else body.data_value.data_value
    return {
        "name": body.data_name.string64.decode("utf-8", "replace"),
        "value": base64.b64encode(value).decode(),
    }


def _bump_sequence(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.BumpSequenceOp = operation.body
    return {"bump_to": str(body.bump_to.sequence_number.int64)}


def _create_balance(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.CreateClaimableBalanceOp = operation.body
    return {
        "asset": str(asset_from_xdr(body.asset)),
        "amount": amount(body.amount.int64),
        "claimants": [
            {
                "destination": address(account_from_xdr(claimant.v0.destination)),
                "predicate": predicate_fields(claimant.v0.predicate),
            }
            for claimant in body.claimants
            if claimant.v0 is not None
        ],
    }


def _claim(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ClaimClaimableBalanceOp = operation.body
    return {
        "balance_id": body.balance_id.to_xdr_bytes().hex(),
        **party_fields(operation.source, "claimant"),
    }


def _begin(operation: Operation, _outcome: Outcome) -> Details:
    return {"sponsored_id": address(account_from_xdr(operation.body.sponsored_id))}


def _revoke(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.RevokeSponsorshipOp = operation.body
    if body.signer is not None:
        return {
            "signer_account_id": address(account_from_xdr(body.signer.account_id)),
            "signer_key": signer_text(body.signer.signer_key.to_xdr_bytes()),
        }
    key = body.ledger_key
    if key is None:
        return {}
    if key.account is not None:
        return {"account_id": address(account_from_xdr(key.account.account_id))}
    if key.trust_line is not None:
        return {
            "trustline_account_id": address(account_from_xdr(key.trust_line.account_id)),
            "trustline_asset": str(asset_from_xdr(key.trust_line.asset)),
        }
    if key.offer is not None:
        return {"offer_id": str(key.offer.offer_id.int64)}
    if key.data is not None:
        return {
            "data_account_id": address(account_from_xdr(key.data.account_id)),
            "data_name": key.data.data_name.string64.decode("utf-8", "replace"),
        }
    if key.claimable_balance is not None:
        return {"claimable_balance_id": key.claimable_balance.balance_id.to_xdr_bytes().hex()}
    return {}


def _clawback(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.ClawbackOp = operation.body
    return {
        **asset_fields(asset_from_xdr(body.asset)),
        **party_fields(party_from_xdr(body.from_), "from"),
        "amount": amount(body.amount.int64),
    }


def _clawback_balance(operation: Operation, _outcome: Outcome) -> Details:
    return {"balance_id": operation.body.balance_id.to_xdr_bytes().hex()}


def _set_line_flags(operation: Operation, _outcome: Outcome) -> Details:
    body: xdr.SetTrustLineFlagsOp = operation.body
    fields: Details = {
        **asset_fields(asset_from_xdr(body.asset)),
        "trustor": address(account_from_xdr(body.trustor)),
    }
    if body.set_flags.uint32:
        fields |= flag_fields(body.set_flags.uint32, LINE_FLAGS, "set")
    if body.clear_flags.uint32:
        fields |= flag_fields(body.clear_flags.uint32, LINE_FLAGS, "clear")
    return fields


_WRITERS: dict[int, Callable[[Operation, Outcome], Details]] = {
    0: _create_account,
    1: _payment,
    2: _strict_receive,
    3: _sell_offer,
    4: _passive_offer,
    5: _set_options,
    6: _change_trust,
    7: _allow_trust,
    8: _merge,
    10: _manage_data,
    11: _bump_sequence,
    12: _buy_offer,
    13: _strict_send,
    14: _create_balance,
    15: _claim,
    16: _begin,
    18: _revoke,
    19: _clawback,
    20: _clawback_balance,
    21: _set_line_flags,
}


def operation_details(operation: Operation, outcome: Outcome) -> Details:
    """The fields of one operation beyond those all operations share."""
    return _WRITERS.get(operation.type, _nothing)(operation, outcome)


def _revoked_owner(body: xdr.RevokeSponsorshipOp) -> list[AccountId]:
    if body.signer is not None:
        return [account_from_xdr(body.signer.account_id)]
    key = body.ledger_key
    if key is None:
        return []
    if key.offer is not None:
        return [account_from_xdr(key.offer.seller_id)]
    owned = key.account or key.trust_line or key.data
    return [] if owned is None else [account_from_xdr(owned.account_id)]


def participants(operation: Operation) -> list[AccountId]:
    """Whose lists an operation belongs to, its source first."""
    found = [operation.source.account]
    body = operation.body
    match operation.type:
        case 0:
            found.append(account_from_xdr(body.destination))
        case 1 | 2 | 13:
            found.append(party_from_xdr(body.destination).account)
        case 7 | 21:
            found.append(account_from_xdr(body.trustor))
        case 8:
            found.append(party_from_xdr(body).account)
        case 14:
            found += [
                account_from_xdr(claimant.v0.destination)
                for claimant in body.claimants
                if claimant.v0 is not None
            ]
        case 16:
            found.append(account_from_xdr(body.sponsored_id))
        case 18:
            found += _revoked_owner(body)
        case 19:
            found.append(party_from_xdr(body.from_).account)
        case _:
            pass
    return list(dict.fromkeys(found))
