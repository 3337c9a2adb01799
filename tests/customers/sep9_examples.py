"""One accepted and one refused example of every field of SEP-9, with what has to be known beside it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is taken of a field, what is kept of that, and what is refused."""

    accepted: str | None
    """None of what is never taken as text: documents are files, and a card's number and code are not taken at all."""
    refused: str
    kept: str | None = None
    """How the accepted one is kept, where that differs."""
    beside: dict[str, str] = field(default_factory=dict)
    """Other fields that are sent with it."""


def _example(accepted: str | None, refused: str, kept: str | None = None, **beside: str) -> Example:
    return Example(accepted=accepted, refused=refused, kept=kept, beside=beside)


_DECEPTIVE = "Sloop \u202eyob"
_IBAN, _WRONG_IBAN = "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"
_DOCUMENT = _example(None, "aGk=")

_PERSON = {
    "last_name": _example("Mizzenmast", "Mizzen\nmast"),
    "first_name": _example(" Zoe\u0308 ", "Zoe\x00", "Zo\u00eb"),
    "additional_name": _example("Lee", _DECEPTIVE),
    "address_country_code": _example("deu", "Germany", "DEU"),
    "state_or_province": _example("Bahía Blanca", "Coast\x07"),
    "city": _example("Saint-Malo", "Port\ntown"),
    "postal_code": _example("SW1A 1AA", "1" * 201),
    "address": _example("1 Quay\nPorttown", "1 Quay\x00"),
    "mobile_number": _example("+49 151 234-56789", "+49 1", "+4915123456789"),
    "mobile_number_format": _example("hash", "ha\tsh"),
    "email_address": _example("Mina@Example.COM", "mina@example", "Mina@example.com"),
    "birth_date": _example("1984-02-29", "2984-02-28"),
    "birth_place": _example("Porttown, Coast", "Port\ntown"),
    "birth_country_code": _example("MEX", "Mexico"),
    "tax_id": _example(
        "390.533.447-05", "390.533.447-06", "39053344705", tax_id_name="CPF", address_country_code="BRA"
    ),
    "tax_id_name": _example("SSN", "S\x1bN"),
    "occupation": _example("011", "999"),
    "employer_name": _example("Example Chandlers", _DECEPTIVE),
    "employer_address": _example("2 Quay\r\nPorttown", "2\x0bQuay"),
    "language_code": _example("PT", "por", "pt"),
    "id_type": _example("passport", "pass\nport"),
    "id_country_code": _example("ESP", "ES"),
    "id_issue_date": _example("2022-05-02", "2027-05-02"),
    "id_expiration_date": _example("2032-05-01", "2026-04-30", id_issue_date="2022-05-02"),
    "id_number": _example("54362315-K", "54362315-Z", "54362315K", id_type="id_card", id_country_code="ESP"),
    "photo_id_front": _DOCUMENT,
    "photo_id_back": _DOCUMENT,
    "notary_approval_of_photo_id": _DOCUMENT,
    "ip_address": _example("2001:DB8::1", "256.1.1.1", "2001:db8::1"),
    "photo_proof_residence": _DOCUMENT,
    "sex": _example("Female", "lady", "female"),
    "proof_of_income": _DOCUMENT,
    "proof_of_liveness": _DOCUMENT,
    "referral_id": _example("wallet-17", "wallet\x00"),
}

_FINANCIAL_ACCOUNT = {
    "bank_name": _example("Example Bank", _DECEPTIVE),
    "bank_account_type": _example("Checking", "gold", "checking"),
    "bank_account_number": _example(_IBAN, _WRONG_IBAN, "DE89370400440532013000"),
    "bank_number": _example("021000021", "021000022", address_country_code="USA"),
    "bank_phone_number": _example("+1 212 555 0100", "212 555 0100", "+12125550100"),
    "bank_branch_number": _example("001", "00\n1"),
    "external_transfer_memo": _example("12345", "12\x00345"),
    "clabe_number": _example("032 180 000118359719", "032180000118359718", "032180000118359719"),
    "cbu_number": _example("2850590940090418135201", "2850590940090418135202"),
    "cbu_alias": _example("ancla.barco.mar", "mar"),
    "mobile_money_number": _example("+254 712 345678", "+254 71", "+254712345678"),
    "mobile_money_provider": _example("Example Mobile", _DECEPTIVE),
    "crypto_address": _example(
        "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JZ",
        "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JY",
    ),
}

_ORGANIZATION = {
    "name": _example("Example Traders Ltd", _DECEPTIVE),
    "VAT_number": _example("DE 136 695 976", "DE 136 695 977", "DE136695976"),
    "registration_number": _example("HRB 12345", "HRB\x00"),
    "registration_date": _example("1999-12-31", "31.12.1999"),
    "registered_address": _example("3 Quay\nPorttown", "3 Quay\x7f"),
    "number_of_shareholders": _example("12", "a dozen"),
    "shareholder_name": _example("Ann Bosun", "Ann\nBosun"),
    "photo_incorporation_doc": _DOCUMENT,
    "photo_proof_address": _DOCUMENT,
    "address_country_code": _example("DEU", "GER"),
    "state_or_province": _example("Coast", "Coast\x07"),
    "city": _example("Porttown", "Port\ntown"),
    "postal_code": _example("10115", "1" * 201),
    "director_name": _example("Ann Bosun", "Ann\x00"),
    "website": _example("https://traders.example", "traders.example"),
    "email": _example("office@traders.example", "office at traders"),
    "phone": _example("+49 30 901820", "030 901820", "+4930901820"),
}

_CARD = {
    "number": _example(None, "4111111111111111"),
    "expiration_date": _example("29-11", "11/29"),
    "cvc": _example(None, "123"),
    "holder_name": _example("ANN BOSUN", "ANN\nBOSUN"),
    "network": _example("Visa", "Vi\x00sa"),
    "postal_code": _example("10115", "1" * 201),
    "country_code": _example("us", "USA", "US"),
    "state_or_province": _example("us-ny", "New York", "US-NY"),
    "city": _example("Porttown", "Port\ntown"),
    "address": _example("1 Quay\nPorttown", "1 Quay\x00"),
    "token": _example("tok_1MzVzW2eZvKYlo2C", "tok\n1"),
}


def _prefixed(prefix: str, examples: dict[str, Example]) -> dict[str, Example]:
    return {
        f"{prefix}{name}": Example(
            accepted=one.accepted,
            refused=one.refused,
            kept=one.kept,
            beside={f"{prefix}{beside}": value for beside, value in one.beside.items()},
        )
        for name, one in examples.items()
    }


EXAMPLES: dict[str, Example] = {
    **_PERSON,
    **_FINANCIAL_ACCOUNT,
    **_prefixed("organization.", _FINANCIAL_ACCOUNT | _ORGANIZATION),
    **_prefixed("card.", _CARD),
}
"""By canonical name. A field without examples fails the tests."""
