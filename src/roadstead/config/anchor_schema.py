"""The schema of `anchor.toml`: every table and key, with its form, an example and what it means."""

from __future__ import annotations

from roadstead.config.anchor import (
    AnchorAssetType,
    AssetStatus,
    AssetTerms,
    CustomerGate,
    PairTerms,
    RateSourceTerms,
    RemittanceTerms,
    StaticRate,
    TransactionTerms,
    Translation,
)
from roadstead.config.calendar_terms import CALENDARS
from roadstead.config.customer_types import CUSTOMER_TYPES
from roadstead.config.forms import (
    AMOUNT,
    BOOLEAN,
    CODE,
    COUNTRY_CODES,
    CURRENCY,
    DIGEST,
    EMAIL,
    HTTPS_URL,
    LABEL,
    NAMES,
    PERCENT,
    PHONE,
    RAIL_NAME,
    RATE,
    RATE_KIND,
    TEXT,
    one_of,
    whole,
)
from roadstead.config.limit_terms import LIMITS
from roadstead.config.matching_terms import MATCHING
from roadstead.config.organization import Organization, Principal
from roadstead.config.payout_terms import PAYOUTS
from roadstead.config.rail_terms import FUNDING_METHODS, RAILS
from roadstead.config.requirement_terms import REQUIREMENTS
from roadstead.config.retention_terms import RETENTION
from roadstead.config.schema import Form, Key, Section
from roadstead.config.screening_terms import SCREENING
from roadstead.config.verifier_terms import VERIFIERS

_UNITS_MAX = 2**63 - 1


def _must(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, required=True, description=description, example=example)


def _may(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, description=description, example=example)


_ORGANIZATION = Section(
    name="organization",
    make=Organization,
    many=False,
    required=True,
    description="Who runs the anchor, published in stellar.toml's [DOCUMENTATION].",
    keys=(
        _must("name", TEXT, "Legal name.", '"Example Anchor Ltd"'),
        _may("dba", TEXT, "Name under which it does business.", '"Example Anchor"'),
        _may("url", HTTPS_URL, "Website, on the same domain as stellar.toml.", '"https://anchor.example"'),
        _may("logo", HTTPS_URL, "Logo, a PNG.", '"https://anchor.example/logo.png"'),
        _may("description", TEXT, "What the organization does.", '"Pays euros to bank accounts."'),
        _may("physical_address", TEXT, "Postal address.", '"1 Harbour Street, Porttown"'),
        _may(
            "physical_address_attestation",
            HTTPS_URL,
            "Proof of the address, on the same domain as the website.",
            '"https://anchor.example/address.png"',
        ),
        _may("phone_number", PHONE, "Telephone.", '"+15555550100"'),
        _may(
            "phone_number_attestation",
            HTTPS_URL,
            "Proof of the number, on the same domain as the website.",
            '"https://anchor.example/phone.png"',
        ),
        _may("keybase", TEXT, "Keybase account.", '"exampleanchor"'),
        _may("twitter", TEXT, "Twitter account.", '"exampleanchor"'),
        _may("github", TEXT, "GitHub account.", '"exampleanchor"'),
        _may(
            "official_email",
            EMAIL,
            "Address for business, at the website's domain.",
            '"office@anchor.example"',
        ),
        _may("support_email", EMAIL, "Address where users ask for help.", '"support@anchor.example"'),
        _may("licensing_authority", TEXT, "Who licensed the organization.", '"Example Financial Authority"'),
        _may("license_type", TEXT, "Kind of licence.", '"Payment institution"'),
        _may("license_number", TEXT, "Number of the licence.", '"EX-0001"'),
    ),
)

_PRINCIPALS = Section(
    name="principals",
    make=Principal,
    many=True,
    description="People who answer for the organization, published in stellar.toml's [[PRINCIPALS]].",
    keys=(
        _must("name", TEXT, "Full name.", '"Alex Example"'),
        _may("email", EMAIL, "Email address.", '"alex@anchor.example"'),
        _may("keybase", TEXT, "Keybase account.", '"alexexample"'),
        _may("telegram", TEXT, "Telegram account.", '"alexexample"'),
        _may("twitter", TEXT, "Twitter account.", '"alexexample"'),
        _may("github", TEXT, "GitHub account.", '"alexexample"'),
        _may("id_photo_hash", DIGEST, "SHA-256 of a photo of an identity document.", f'"{"0" * 64}"'),
        _may("verification_photo_hash", DIGEST, "SHA-256 of a verification photo.", f'"{"0" * 64}"'),
    ),
)

_ASSETS = Section(
    name="assets",
    make=AssetTerms,
    many=True,
    required=True,
    description="An asset on Stellar that the anchor receives. Its issuer is said by ROADSTEAD_ASSET_<CODE>_ISSUER.",
    keys=(
        _must("code", CODE, "Asset code.", '"EURX"'),
        _must("name", TEXT, "Short name.", '"Example Euro"'),
        _must("description", TEXT, "What the asset is and what stands behind it.", '"One euro in the bank."'),
        _must("issued", BOOLEAN, "Whether this anchor issues the asset.", "true"),
        _must("delivers", CURRENCY, "Currency that the receiving client gets, one for one.", '"iso4217:EUR"'),
        _must("amount_min", AMOUNT, "Least amount of a remittance.", '"1"'),
        _must("amount_max", AMOUNT, "Greatest amount of a remittance.", '"10000"'),
        _must("fee_fixed", AMOUNT, "Fixed part of the fee, in the asset.", '"0.10"'),
        _must("fee_percent", PERCENT, "Proportional part of the fee, in percentage points.", '"0.5"'),
        _must(
            "funding_methods", NAMES, "Names of [[funding_methods]]; the first is the default.", '["SEPA"]'
        ),
        _may("sender_type", LABEL, "Customer type asked of sending clients.", '"sep31-sender"'),
        _may("receiver_type", LABEL, "Customer type asked of receiving clients.", '"sep31-receiver"'),
        _may("quotes_required", BOOLEAN, "Whether a remittance needs a firm quote.", "false"),
        _may("refund_fee", AMOUNT, "What is kept of a refund, in the asset; nothing when left out.", '"1"'),
        _may("refund_approval_above", AMOUNT, "Amount above which a refund waits for a person.", '"5000"'),
        _may("display_decimals", whole(0, 7), "Decimals that wallets show.", "2"),
        _may("anchor_asset_type", one_of(AnchorAssetType), "What stands behind the asset.", '"fiat"'),
        _may(
            "redemption_instructions",
            TEXT,
            "How a holder gets the money behind it.",
            '"Send it to a partner."',
        ),
        _may(
            "attestation_of_reserve", HTTPS_URL, "Proof of the reserve.", '"https://anchor.example/reserve"'
        ),
        _may("conditions", TEXT, "Conditions of holding the asset.", '"See our terms."'),
        _may("image", HTTPS_URL, "Picture of the asset, a PNG.", '"https://anchor.example/eurx.png"'),
        _may("status", one_of(AssetStatus), "Published status; left out, the network decides.", '"live"'),
        _may("is_unlimited", BOOLEAN, "Whether any number of tokens may be issued.", "true"),
        _may("fixed_number", whole(1, _UNITS_MAX), "How many tokens there are, for ever.", "1000000"),
        _may("max_number", whole(1, _UNITS_MAX), "How many tokens there will be at most.", "1000000"),
    ),
    children=(MATCHING,),
)


_RATES = Section(
    name="rates",
    make=StaticRate,
    many=True,
    description="One rate of a static table; it holds until the file is changed.",
    keys=(
        _must("sell", CODE, "Code of one of [[assets]].", '"USDC"'),
        _must("delivers", CURRENCY, "Currency.", '"iso4217:EUR"'),
        _must("rate", RATE, "Units of the currency for one unit of the asset.", '"0.92"'),
    ),
)

_RATE_SOURCES = Section(
    name="rate_sources",
    make=RateSourceTerms,
    many=True,
    description="Where rates come from. Where an `http` source is, ROADSTEAD_RATES_URL says.",
    keys=(
        _must("name", RAIL_NAME, "Name.", '"reference"'),
        _must("kind", RATE_KIND, "What stands behind the name.", '"static"'),
        _may(
            "max_age_s", whole(1, 86_400), "Seconds after which a rate is stale and nothing is priced.", "300"
        ),
        _may("refresh_s", whole(1, 3_600), "Seconds between two questions to the source.", "15"),
    ),
    children=(_RATES,),
)

_PAIRS = Section(
    name="pairs",
    make=PairTerms,
    many=True,
    description="An asset that is exchanged into a currency at a price of SEP-38.",
    keys=(
        _must("sell", CODE, "Code of one of [[assets]].", '"USDC"'),
        _must("delivers", CURRENCY, "Currency that the receiving client gets.", '"iso4217:EUR"'),
        _must("rate_source", RAIL_NAME, "Name of one of [[rate_sources]].", '"reference"'),
        _must(
            "funding_methods", NAMES, "Names of [[funding_methods]]; the first is the default.", '["SEPA"]'
        ),
        _must("exposure_max", AMOUNT, "Most of the asset in quotes that are not paid yet.", '"100000"'),
        _may("spread_bps", whole(0, 5_000), "Taken off the rate, in hundredths of a percent.", "50"),
        _may(
            "fee_fixed", AMOUNT, "Fixed part of the fee, in the asset; the asset's when left out.", '"0.25"'
        ),
        _may("fee_percent", PERCENT, "Proportional part of the fee; the asset's when left out.", '"0.5"'),
        _may("amount_min", AMOUNT, "Least amount of the asset; the asset's when left out.", '"1"'),
        _may("amount_max", AMOUNT, "Greatest amount of the asset; the asset's when left out.", '"10000"'),
        _may(
            "receiver_type", LABEL, "Customer type of receiving clients; the asset's when left out.", '"iban"'
        ),
        _may(
            "country_codes", COUNTRY_CODES, "Where it is delivered; everywhere when left out.", '["DE", "FR"]'
        ),
        _may("quote_lifetime_s", whole(10, 86_400), "Seconds that a quote holds.", "300"),
        _may("quote_lifetime_max_s", whole(10, 604_800), "Most seconds that a client may ask for.", "3600"),
        _may("open_quotes_max", whole(1, 100_000), "Most unused quotes of one account at a time.", "1000"),
    ),
)

_REMITTANCES = Section(
    name="remittances",
    make=RemittanceTerms,
    many=False,
    description="How remittances are opened.",
    keys=(
        _may(
            "expires_after_s",
            whole(60, 2_592_000),
            "Seconds that a remittance waits for its payment.",
            "86400",
        ),
        _may(
            "require_funding_method",
            BOOLEAN,
            "Whether partners must name the funding method even where the asset has exactly one.",
            "false",
        ),
        _may(
            "kyc",
            one_of(CustomerGate),
            "Whether customers must be complete before a remittance is opened, or only before it is paid.",
            '"strict"',
        ),
    ),
)

_TRANSACTIONS = Section(
    name="transactions",
    make=TransactionTerms,
    many=False,
    description="How our own transactions on Stellar are sent. A stroop is the ten millionth of a lumen.",
    keys=(
        _may(
            "fee_stroops",
            whole(100, 100_000_000),
            "The most that a transaction may cost at first; a quiet network takes less.",
            "1000",
        ),
        _may(
            "fee_max_stroops",
            whole(100, 1_000_000_000),
            "The most that a transaction may cost when the network is busy.",
            "1000000",
        ),
        _may("valid_for_s", whole(30, 3_600), "Seconds that a signed transaction may be applied.", "180"),
    ),
)

_TRANSLATIONS = Section(
    name="translations",
    make=Translation,
    many=True,
    description="What a text of this file is called in other languages; where there is none, English is shown.",
    keys=(
        _must("text", TEXT, "The text, exactly as it stands elsewhere in the file.", '"Given name"'),
        _may("es", TEXT, "In Spanish.", '"Nombre"'),
        _may("pt", TEXT, "In Portuguese.", '"Nome"'),
        _may("fr", TEXT, "In French.", '"Prénom"'),
    ),
)

SECTIONS = (
    _ORGANIZATION,
    _PRINCIPALS,
    _ASSETS,
    FUNDING_METHODS,
    RAILS,
    CALENDARS,
    CUSTOMER_TYPES,
    REQUIREMENTS,
    VERIFIERS,
    _RATE_SOURCES,
    _PAIRS,
    _REMITTANCES,
    PAYOUTS,
    SCREENING,
    _TRANSACTIONS,
    LIMITS,
    RETENTION,
    _TRANSLATIONS,
)
"""All tables of the file, in the order in which they are documented."""
