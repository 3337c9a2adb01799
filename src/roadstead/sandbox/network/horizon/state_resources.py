"""The present state of the ledger as Horizon's JSON resources."""

import base64
from typing import Any

from stellar_sdk import xdr

from roadstead.sandbox.network.history.amounts import amount, asset_fields, moment, price
from roadstead.sandbox.network.history.details import signer_text
from roadstead.sandbox.network.history.lists import History
from roadstead.sandbox.network.history.predicates import predicate_fields
from roadstead.sandbox.network.ledger.assets import address
from roadstead.sandbox.network.ledger.overlay import Store
from roadstead.sandbox.network.ledger.signatures import KEY_ED25519, KEY_HASH, KEY_PRE_AUTHORIZED, key_kind
from roadstead.sandbox.network.ledger.state import (
    AUTH_CLAWBACK,
    AUTH_IMMUTABLE,
    AUTH_REQUIRED,
    AUTH_REVOCABLE,
    BALANCE_CLAWBACK,
    LINE_AUTHORIZED,
    LINE_CLAWBACK,
    LINE_MAINTAIN,
    Account,
    ClaimableBalance,
    Data,
    Offer,
    TrustLine,
)

from .resources import Resource, link

_LEVEL_SEQUENCE = 3


def closed_at(history: History, ledger: int) -> str:
    """When a ledger closed."""
    record = history.ledger(ledger)
    return moment(0 if record is None else record.close_time)


def flag_resource(flags: int) -> dict[str, bool]:
    """The flags of an issuer."""
    return {
        "auth_required": bool(flags & AUTH_REQUIRED),
        "auth_revocable": bool(flags & AUTH_REVOCABLE),
        "auth_immutable": bool(flags & AUTH_IMMUTABLE),
        "auth_clawback_enabled": bool(flags & AUTH_CLAWBACK),
    }


def _line_resource(line: TrustLine) -> Resource:
    found: Resource = {
        "balance": amount(line.balance),
        "limit": amount(line.limit),
        "buying_liabilities": amount(line.buying),
        "selling_liabilities": amount(line.selling),
    }
    if line.sponsor is not None:
        found["sponsor"] = address(line.sponsor)
    found["last_modified_ledger"] = line.modified
    found["is_authorized"] = bool(line.flags & LINE_AUTHORIZED)
    found["is_authorized_to_maintain_liabilities"] = bool(line.flags & (LINE_AUTHORIZED | LINE_MAINTAIN))
    if line.flags & LINE_CLAWBACK:
        found["is_clawback_enabled"] = True
    return {**found, **asset_fields(line.asset)}


_SIGNER_TYPES = {
    KEY_ED25519: "ed25519_public_key",
    KEY_HASH: "sha256_hash",
    KEY_PRE_AUTHORIZED: "preauth_tx",
}


def _signers(account: Account) -> list[Resource]:
    found: list[Resource] = []
    for signer in account.signers:
        one: Resource = {"weight": signer.weight, "key": signer_text(signer.key)}
        one["type"] = _SIGNER_TYPES.get(key_kind(signer.key), "ed25519_signed_payload")
        if signer.sponsor is not None:
            one["sponsor"] = address(signer.sponsor)
        found.append(one)
    master = {
        "weight": account.thresholds[0],
        "key": address(account.account),
        "type": "ed25519_public_key",
    }
    return sorted([*found, master], key=lambda one: str(one["key"]))


def _links(own: str) -> Resource:
    lists = ("transactions", "operations", "payments", "effects", "offers", "trades")
    return {
        "self": link(own),
        **{name: link(f"{own}/{name}{{?cursor,limit,order}}", templated=True) for name in lists},
        "data": link(f"{own}/data/{{key}}", templated=True),
    }


def lines_of(store: Store, account: Account) -> list[TrustLine]:
    """The trust lines of an account, by code and issuer."""
    lines = store.lines_by_account.get(account.account, {})
    return sorted(lines.values(), key=lambda line: (line.asset.name, address(line.asset.issuer)))


def account_resource(store: Store, history: History, account: Account, base: str) -> Resource:
    """An account with its balances, signers and data."""
    own = address(account.account)
    found: Resource = {
        "_links": _links(f"{base}/accounts/{own}"),
        "id": own,
        "account_id": own,
        "sequence": str(account.sequence),
    }
    if account.extension >= _LEVEL_SEQUENCE and account.sequence_ledger:
        found["sequence_ledger"] = account.sequence_ledger
        found["sequence_time"] = str(account.sequence_time)
    found["subentry_count"] = account.subentries
    if account.inflation_destination is not None:
        found["inflation_destination"] = address(account.inflation_destination)
    if account.home_domain:
        found["home_domain"] = account.home_domain.decode("utf-8", "replace")
    found |= {
        "last_modified_ledger": account.modified,
        "last_modified_time": closed_at(history, account.modified),
        "thresholds": {
            "low_threshold": account.thresholds[1],
            "med_threshold": account.thresholds[2],
            "high_threshold": account.thresholds[3],
        },
        "flags": flag_resource(account.flags),
        "balances": [
            *(_line_resource(line) for line in lines_of(store, account)),
            {
                "balance": amount(account.balance),
                "buying_liabilities": amount(account.buying),
                "selling_liabilities": amount(account.selling),
                "asset_type": "native",
            },
        ],
        "signers": _signers(account),
        "data": {
            entry.name.decode("utf-8", "replace"): base64.b64encode(entry.value).decode()
            for entry in data_of(store, account)
        },
        "num_sponsoring": account.sponsoring_count,
        "num_sponsored": account.sponsored_count,
    }
    if account.sponsor is not None:
        found["sponsor"] = address(account.sponsor)
    return {**found, "paging_token": own}


def data_of(store: Store, account: Account) -> list[Data]:
    """The data entries of an account, by name."""
    return sorted(store.data_by_account.get(account.account, {}).values(), key=lambda entry: entry.name)


def offer_resource(history: History, offer: Offer, base: str) -> Resource:
    """A standing offer."""
    seller = address(offer.seller)
    found: dict[str, Any] = {
        "_links": {
            "self": link(f"{base}/offers/{offer.offer_id}"),
            "offer_maker": link(f"{base}/accounts/{seller}"),
        },
        "id": str(offer.offer_id),
        "paging_token": str(offer.offer_id),
        "seller": seller,
        "selling": asset_fields(offer.selling),
        "buying": asset_fields(offer.buying),
        "amount": amount(offer.amount),
        "price_r": {"n": offer.price_n, "d": offer.price_d},
        "price": price(offer.price_n, offer.price_d),
        "last_modified_ledger": offer.modified,
        "last_modified_time": closed_at(history, offer.modified),
    }
    if offer.sponsor is not None:
        found["sponsor"] = address(offer.sponsor)
    return found


def balance_token(entry: ClaimableBalance) -> str:
    """The place of a claimable balance in lists."""
    return f"{entry.modified}-00000000{entry.balance_id.hex()}"


def balance_resource(history: History, entry: ClaimableBalance, base: str) -> Resource:
    """A claimable balance."""
    identity = "00000000" + entry.balance_id.hex()
    own = f"{base}/claimable_balances/{identity}"
    found: Resource = {
        "_links": {
            "self": link(own),
            "transactions": link(f"{own}/transactions{{?cursor,limit,order}}", templated=True),
            "operations": link(f"{own}/operations{{?cursor,limit,order}}", templated=True),
        },
        "id": identity,
        "asset": str(entry.asset),
        "amount": amount(entry.amount),
    }
    if entry.sponsor is not None:
        found["sponsor"] = address(entry.sponsor)
    return {
        **found,
        "last_modified_ledger": entry.modified,
        "last_modified_time": closed_at(history, entry.modified),
        "claimants": [
            {
                "destination": address(claimant.account),
                "predicate": predicate_fields(xdr.ClaimPredicate.from_xdr_bytes(claimant.predicate)),
            }
            for claimant in entry.claimants
        ],
        "flags": {"clawback_enabled": bool(entry.flags & BALANCE_CLAWBACK)},
        "paging_token": balance_token(entry),
    }
