"""The fields that may be asked of a customer: the names of SEP-9 1.18.0 with their kinds.

Card data is left out on purpose: a receiving anchor pays to bank accounts, and whoever never holds a card number never
has to protect one.
"""

from __future__ import annotations

from roadstead.config.anchor import FieldKind

_PERSON = """
    last_name first_name additional_name address_country_code state_or_province city postal_code address mobile_number
    mobile_number_format email_address birth_place birth_country_code tax_id tax_id_name employer_name employer_address
    language_code id_type id_country_code id_number ip_address sex referral_id
"""
_FINANCIAL_ACCOUNT = """
    bank_name bank_account_type bank_account_number bank_number bank_phone_number bank_branch_number
    external_transfer_memo clabe_number cbu_number cbu_alias mobile_money_number mobile_money_provider crypto_address
"""
_ORGANIZATION = """
    name VAT_number registration_number registration_date registered_address shareholder_name address_country_code
    state_or_province city postal_code director_name website email phone
"""
_BINARY = """
    photo_id_front photo_id_back notary_approval_of_photo_id photo_proof_residence proof_of_income proof_of_liveness
    organization.photo_incorporation_doc organization.photo_proof_address
"""

FIELD_KINDS: dict[str, FieldKind] = {
    **dict.fromkeys(_PERSON.split(), FieldKind.STRING),
    **dict.fromkeys(_FINANCIAL_ACCOUNT.split(), FieldKind.STRING),
    **{f"organization.{name}": FieldKind.STRING for name in (_FINANCIAL_ACCOUNT + _ORGANIZATION).split()},
    **dict.fromkeys(("birth_date", "id_issue_date", "id_expiration_date"), FieldKind.DATE),
    **dict.fromkeys(("occupation", "organization.number_of_shareholders"), FieldKind.NUMBER),
    **dict.fromkeys(_BINARY.split(), FieldKind.BINARY),
}
"""Every name that a customer type may ask for, with the kind of value SEP-9 gives it."""
