"""Examples of bodies and answers, for the published description. They stand apart, to be read together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roadstead.config import examples as keys

_SENDER_ID = "0b9b1f6e-52c5-4d2a-8f0e-2f1f6c1f7a11"
_RECEIVER_ID = "5d0c52f2-7a2e-4a53-9f5c-6f2f3c9a4b22"
_REMITTANCE_ID = "d4e9b7a2-52f4-4c0e-9a53-9d2f7e5b8c11"
_MEMO = "4316091274821675231"
_CHALLENGE = "AAAAAgAAAABfG0...shortened...xQm0k9Dg=="
_TOKEN = "eyJhbGciOiJIUzI1NiIs...shortened...7x0Hq4"  # noqa: S105 - the look of a token, and none


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is sent to a route and what it answers; None where there is nothing, or nothing fixed."""

    body: Any = None
    answer: Any = None


_KEPT = "The customer's data and documents, which nobody can read or use through this API any more."
_WHY = "Money was sent or received: the law asks that the data are kept, and only for that they are."
_FILE = {
    "file_id": "file_d3d54529-6683-4341-9b66-4ac7d7504238",
    "content_type": "image/jpeg",
    "size": 4089371,
}
_OPENED = {
    "id": _REMITTANCE_ID,
    "status": "pending_sender",
    "amount_in": "100.00",
    "amount_in_asset": f"stellar:EURX:{keys.ISSUER}",
    "amount_fee": "0.60",
    "amount_fee_asset": f"stellar:EURX:{keys.ISSUER}",
    "fee_details": {
        "total": "0.60",
        "asset": f"stellar:EURX:{keys.ISSUER}",
        "details": [{"name": "Service fee", "description": "0.10 and 0.5 % of the amount", "amount": "0.60"}],
    },
    "stellar_account_id": keys.DISTRIBUTION_ACCOUNT,
    "stellar_memo_type": "id",
    "stellar_memo": _MEMO,
    "started_at": "2026-03-01T09:30:00Z",
    "updated_at": "2026-03-01T09:30:00Z",
    "amount_out": "99.40",
    "amount_out_asset": "iso4217:EUR",
}

_PRICE = {
    "total_price": "0.925925925925926",
    "price": "0.92",
    "sell_amount": "100",
    "buy_amount": "108.00",
    "fee": {
        "total": "0.64",
        "asset": f"stellar:EURX:{keys.ISSUER}",
        "details": [
            {"name": "Service fee", "description": "0.10 and 0.54 % of the amount", "amount": "0.64"}
        ],
    },
}
_QUOTE = {
    "id": "0b4f8f6e-93f8-4f5e-8a63-6d6f2a9f6f0d",
    "expires_at": "2026-03-01T09:35:00Z",
    "sell_asset": f"stellar:EURX:{keys.ISSUER}",
    "buy_asset": "iso4217:USD",
    **_PRICE,
}

EXAMPLES: Mapping[str, Example] = {
    "GET /.well-known/stellar.toml": Example(answer='VERSION="2.7.0"\n'),
    "GET /openapi.json": Example(answer={"openapi": "3.1.0"}),
    "GET /reference": Example(answer="<!doctype html>..."),
    "GET /integrate": Example(answer="<!doctype html>..."),
    "GET /auth": Example(
        answer={"transaction": _CHALLENGE, "network_passphrase": "Test SDF Network ; September 2015"}
    ),
    "POST /auth": Example(body={"transaction": _CHALLENGE}, answer={"token": _TOKEN}),
    "POST /verifiers/{name}/events": Example(
        body={"references": ["case-0b9b1f6e"]}, answer={"status": "taken"}
    ),
    "GET /kyc/customer": Example(
        answer={
            "id": _RECEIVER_ID,
            "status": "NEEDS_INFO",
            "fields": {
                "bank_account_number": {
                    "type": "string",
                    "description": "IBAN of the account that receives the money",
                }
            },
            "provided_fields": {
                "first_name": {"type": "string", "description": "Given name", "status": "ACCEPTED"}
            },
            "message": "These fields are still needed: bank_account_number.",
        }
    ),
    "PUT /kyc/customer": Example(
        body={
            "memo": "1234",
            "memo_type": "id",
            "type": "sep31-receiver",
            "first_name": "Rosa",
            "last_name": "Receiver",
            "bank_account_number": "DE89370400440532013000",
            "address_country_code": "DEU",
        },
        answer={"id": _RECEIVER_ID},
    ),
    "PUT /kyc/customer/verification": Example(
        body={"id": _RECEIVER_ID, "mobile_number_verification": "273502"},
        answer={
            "id": _RECEIVER_ID,
            "status": "ACCEPTED",
            "provided_fields": {
                "mobile_number": {"type": "string", "description": "Mobile number", "status": "ACCEPTED"}
            },
        },
    ),
    "PUT /kyc/customer/callback": Example(
        body={"id": _RECEIVER_ID, "url": "https://callbacks.sender.example/customers"}, answer={}
    ),
    "POST /kyc/customer/files": Example(
        body={"file": "...the bytes of the file..."},
        answer={**_FILE, "expires_at": "2026-03-02T09:30:00Z"},
    ),
    "GET /kyc/customer/files": Example(answer={"files": [{**_FILE, "customer_id": _RECEIVER_ID}]}),
    "DELETE /kyc/customer/{account}": Example(
        body={"memo": "1234", "memo_type": "id"},
        answer={
            "status": "restricted",
            "kept": [
                {
                    "what": _KEPT,
                    "why": _WHY,
                    "until": "2031-03-02T09:30:00Z",
                }
            ],
        },
    ),
    "GET /sep31/info": Example(
        answer={
            "receive": {
                "EURX": {
                    "enabled": True,
                    "quotes_supported": False,
                    "quotes_required": False,
                    "funding_methods": ["SEPA"],
                    "min_amount": 1,
                    "max_amount": 10000,
                    "fee_fixed": 0.1,
                    "fee_percent": 0.5,
                    "sep12": {
                        "sender": {"types": {"sep31-sender": {"description": "People who send money"}}},
                        "receiver": {
                            "types": {"sep31-receiver": {"description": "People who receive euros"}}
                        },
                    },
                    "sender_sep12_type": "sep31-sender",
                    "receiver_sep12_type": "sep31-receiver",
                    "fields": {"transaction": {}},
                }
            }
        }
    ),
    "POST /sep31/transactions": Example(
        body={
            "amount": 100,
            "asset_code": "EURX",
            "asset_issuer": keys.ISSUER,
            "funding_method": "SEPA",
            "sender_id": _SENDER_ID,
            "receiver_id": _RECEIVER_ID,
            "lang": "en",
        },
        answer={
            "id": _REMITTANCE_ID,
            "stellar_account_id": keys.DISTRIBUTION_ACCOUNT,
            "stellar_memo_type": "id",
            "stellar_memo": _MEMO,
        },
    ),
    "GET /sep31/transactions/{id}": Example(answer={"transaction": _OPENED}),
    "PUT /sep31/transactions/{id}/callback": Example(
        body={"url": "https://callbacks.sender.example/remittances"}
    ),
    "GET /sep38/info": Example(
        answer={
            "assets": [
                {"asset": f"stellar:EURX:{keys.ISSUER}"},
                {
                    "asset": "iso4217:USD",
                    "buy_delivery_methods": [{"name": "WIRE", "description": "Wire transfer in dollars."}],
                },
            ]
        }
    ),
    "GET /sep38/prices": Example(
        answer={"buy_assets": [{"asset": "iso4217:USD", "price": "0.92", "decimals": 2}]}
    ),
    "GET /sep38/price": Example(answer=_PRICE),
    "POST /sep38/quote": Example(
        body={
            "context": "sep31",
            "sell_asset": f"stellar:EURX:{keys.ISSUER}",
            "sell_amount": "100",
            "buy_asset": "iso4217:USD",
            "buy_delivery_method": "WIRE",
        },
        answer=_QUOTE,
    ),
    "GET /sep38/quote/{id}": Example(answer=_QUOTE),
    "PATCH /sep31/transactions/{id}": Example(
        body={"fields": {"transaction": {"bank_branch": "Harbour Street"}}},
        answer={
            "transaction": {**_OPENED, "status": "pending_receiver", "stellar_transaction_id": "3f" * 32}
        },
    ),
    "POST /rails/{name}/events": Example(
        body={
            "events": [
                {
                    "id": "CFCA2A1C-9",
                    "status": "settled",
                    "key": "A01J5XDQ3V6M8R2",
                    "end_to_end_id": "P01J5XDQ3V6M8R2",
                    "amount": "99.40",
                    "currency": "EUR",
                    "reference": "CFCA2A1C0000000003",
                    "occurred_at": "2026-11-23T20:30:48Z",
                }
            ]
        }
    ),
}
"""By method and path of the route."""
