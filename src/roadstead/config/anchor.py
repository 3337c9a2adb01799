"""What this anchor offers, as `anchor.toml` says it: the same in every environment.

`roadstead.config.anchor_file.load_anchor` reads the file into these classes and promises that what it returns is
consistent: names are unique, every reference leads somewhere, and no amount allows a fee that eats it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from roadstead.config.calendar_terms import CalendarTerms
from roadstead.config.field_forms import DemandedForm
from roadstead.config.limit_terms import Limits
from roadstead.config.matching_terms import MatchingTerms
from roadstead.config.organization import Organization, Principal
from roadstead.config.payout_terms import PayoutTerms
from roadstead.config.rail_terms import FundingMethod, RailDeclaration
from roadstead.config.requirement_terms import Requirement
from roadstead.config.retention_terms import RETENTION_DEFAULT, RetentionTerms
from roadstead.config.screening_terms import ScreeningTerms
from roadstead.config.verifier_terms import VerifierDeclaration
from roadstead.errors import BadInput
from roadstead.money import Asset


class CustomerRole(StrEnum):
    """The side of a remittance on which a customer stands."""

    SENDER = "sender"
    RECEIVER = "receiver"


class FieldKind(StrEnum):
    """The kinds of value that SEP-12 knows."""

    STRING = "string"
    DATE = "date"
    NUMBER = "number"
    BINARY = "binary"


class AssetStatus(StrEnum):
    """How far an asset is meant to be relied on (SEP-1, `status`)."""

    LIVE = "live"
    DEAD = "dead"
    TEST = "test"
    PRIVATE = "private"


class CustomerGate(StrEnum):
    """When the customers of a remittance have to be complete."""

    STRICT = "strict"
    """Before it is opened: a partner is asked for what is missing, and opens it again."""
    ASYNCHRONOUS = "asynchronous"
    """Before it is paid: it is opened, and waits for what is missing."""


class AnchorAssetType(StrEnum):
    """What stands behind a token (SEP-1, `anchor_asset_type`)."""

    FIAT = "fiat"
    CRYPTO = "crypto"
    STOCK = "stock"
    BOND = "bond"
    COMMODITY = "commodity"
    REALESTATE = "realestate"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTerms:
    """On what terms one Stellar asset is received. Its issuer differs by environment and is no part of this.

    Amounts and the fixed fee are in whole assets, exact; `fee_percent` is in percentage points (1 is 1 %).
    """

    code: str
    name: str
    description: str
    issued: bool
    """Whether this anchor issues the asset, and so keeps the reserve behind it."""
    delivers: Asset
    """What the receiving client gets, one for one, less the fee."""
    amount_min: Decimal
    amount_max: Decimal
    fee_fixed: Decimal
    fee_percent: Decimal
    funding_methods: tuple[str, ...]
    """Names of funding methods; the first is the one used when a partner may leave it out."""
    sender_type: str | None = None
    """The customer type of sending clients, or None where nothing need be known of them."""
    receiver_type: str | None = None
    quotes_required: bool = False
    """Whether a remittance needs a firm quote (SEP-31 `quotes_required`)."""
    refund_fee: Decimal = Decimal(0)
    """What is kept of a refund, in the asset."""
    refund_approval_above: Decimal | None = None
    """The amount above which a refund waits for a person; None sends every refund by itself."""
    display_decimals: int = 2
    anchor_asset_type: AnchorAssetType = AnchorAssetType.FIAT
    redemption_instructions: str | None = None
    attestation_of_reserve: str | None = None
    conditions: str | None = None
    image: str | None = None
    status: AssetStatus | None = None
    """None means what the network says: `test` where money is not real, else `live`."""
    is_unlimited: bool | None = None
    fixed_number: int | None = None
    max_number: int | None = None
    matching: MatchingTerms = field(default_factory=MatchingTerms)
    """What becomes of payments in the asset that are not as agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerField:
    """One thing that is asked of a customer, named as in SEP-9."""

    name: str
    description: str
    kind: FieldKind = FieldKind.STRING
    optional: bool = False
    choices: tuple[str, ...] = ()
    form: DemandedForm | None = None
    """The form that is demanded where SEP-9 leaves it open; None means any that fits."""
    valid_days: int | None = None
    """Days after which it is asked again; None never does."""
    confirm: bool = False
    """Whether the customer has to confirm it with a code that is sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerType:
    """A SEP-12 customer type: what is asked of customers of one kind, and on which side they stand."""

    name: str
    description: str
    role: CustomerRole
    fields: tuple[CustomerField, ...]
    extends: str | None = None
    """The type whose fields it asks for too; `config.customer_types.extended` has put them among its own."""

    def field(self, name: str) -> CustomerField | None:
        """Return the field of that name, or None when this type does not ask for it."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRate:
    """A rate that holds until the file is changed."""

    sell: str
    """Code of the asset."""
    delivers: Asset
    rate: Decimal
    """Units of the currency for one unit of the asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSourceTerms:
    """Where rates come from."""

    name: str
    kind: str
    """`static`, `http`, or `package.module:function` of an integrator's own."""
    max_age_s: int = 300
    """A rate that is older is stale: nothing is priced by it."""
    refresh_s: int = 15
    """How often the source is asked."""
    rates: tuple[StaticRate, ...] = ()
    """The table of a static source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTerms:
    """On what terms one asset is exchanged into one currency (SEP-38). What is None is as the asset has it."""

    sell: str
    """Code of the asset that the client sells."""
    delivers: Asset
    """The currency that the client buys."""
    rate_source: str
    funding_methods: tuple[str, ...]
    """The delivery methods of this currency; the first is the default."""
    exposure_max: Decimal
    """How much of the asset may be promised in quotes that are not paid yet."""
    spread_bps: int = 0
    """What is taken off the rate, in hundredths of a percent."""
    fee_fixed: Decimal | None = None
    fee_percent: Decimal | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    receiver_type: str | None = None
    country_codes: tuple[str, ...] = ()
    """Where it is delivered (ISO 3166-1 alpha-2 or ISO 3166-2); empty means everywhere."""
    quote_lifetime_s: int = 300
    """How long a quote holds when the client names no time."""
    quote_lifetime_max_s: int = 3_600
    """How long a quote may hold at most, whatever the client asks for."""
    open_quotes_max: int = 1_000
    """How many unused quotes one account may hold at a time."""

    @property
    def name(self) -> str:
        """The pair in one word, such as `USDC-EUR`."""
        return f"{self.sell}-{self.delivers.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceTerms:
    """How remittances are opened."""

    expires_after_s: int = 86_400
    """How long a remittance waits for its payment."""
    require_funding_method: bool = False
    """Whether a partner must name the funding method even where the asset has exactly one."""
    kyc: CustomerGate = CustomerGate.STRICT
    """When the customers of a remittance have to be complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTerms:
    """How our own transactions on Stellar are sent. A stroop is the ten millionth of a lumen."""

    fee_stroops: int = 1_000
    """The most that a transaction may cost at first; the network takes less where it is quiet."""
    fee_max_stroops: int = 1_000_000
    """The most that it may cost when the network is busy."""
    valid_for_s: int = 180
    """How long a signed transaction may be applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a text of this file is called in other languages."""

    text: str
    """The text in English, exactly as it stands elsewhere in the file."""
    es: str | None = None
    pt: str | None = None
    fr: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Anchor:
    """All that `anchor.toml` says."""

    organization: Organization
    assets: tuple[AssetTerms, ...]
    funding_methods: tuple[FundingMethod, ...]
    rails: tuple[RailDeclaration, ...]
    customer_types: tuple[CustomerType, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    verifiers: tuple[VerifierDeclaration, ...] = ()
    principals: tuple[Principal, ...] = ()
    rate_sources: tuple[RateSourceTerms, ...] = ()
    pairs: tuple[PairTerms, ...] = ()
    remittances: RemittanceTerms = RemittanceTerms()
    transactions: TransactionTerms = TransactionTerms()
    payouts: PayoutTerms = field(default_factory=PayoutTerms)
    screening: ScreeningTerms = field(default_factory=ScreeningTerms)
    calendars: tuple[CalendarTerms, ...] = ()
    limits: Limits = field(default_factory=Limits)
    retention: tuple[RetentionTerms, ...] = RETENTION_DEFAULT
    translations: tuple[Translation, ...] = ()

    def __repr__(self) -> str:
        """Say little: the whole file would stand in every traceback that shows the values of its frames."""
        return f"Anchor({self.organization.name!r})"

    def asset(self, code: str) -> AssetTerms:
        """Return the terms of an asset by its code.

        Raises:
            BadInput: The anchor does not accept it.
        """
        for terms in self.assets:
            if terms.code == code:
                return terms
        raise BadInput(_unknown("Asset", code, [terms.code for terms in self.assets]))

    def pair(self, code: str, delivers: Asset) -> PairTerms | None:
        """Return the terms on which an asset is exchanged into a currency, or None when it is not."""
        return next((pair for pair in self.pairs if (pair.sell, pair.delivers) == (code, delivers)), None)

    def receiver_type(self, code: str, delivers: Asset) -> str | None:
        """Return the customer type of those who receive a currency for an asset; None when nothing is asked.

        Raises:
            BadInput: The anchor does not accept the asset.
        """
        terms = self.asset(code)
        pair = None if delivers == terms.delivers else self.pair(code, delivers)
        return (pair.receiver_type if pair else None) or terms.receiver_type

    def customer_type(self, name: str) -> CustomerType:
        """Return a customer type by its name.

        Raises:
            BadInput: The anchor has no such type.
        """
        for customer_type in self.customer_types:
            if customer_type.name == name:
                return customer_type
        raise BadInput(_unknown("Customer type", name, [known.name for known in self.customer_types]))

    def funding_method(self, name: str) -> FundingMethod:
        """Return a funding method by its name.

        Raises:
            BadInput: The anchor has no such method.
        """
        for method in self.funding_methods:
            if method.name == name:
                return method
        raise BadInput(_unknown("Funding method", name, [known.name for known in self.funding_methods]))

    def rail(self, name: str) -> RailDeclaration:
        """Return a rail by its name.

        Raises:
            BadInput: The anchor has no such rail.
        """
        for rail in self.rails:
            if rail.name == name:
                return rail
        raise BadInput(_unknown("Rail", name, [known.name for known in self.rails]))

    def rails_of(self, method_name: str) -> tuple[RailDeclaration, ...]:
        """Return the rails of a funding method in the order in which they are tried.

        Raises:
            BadInput: The anchor has no such method.
        """
        return tuple(self.rail(name) for name in self.funding_method(method_name).rails)

    def calendar(self, name: str) -> CalendarTerms:
        """Return a calendar by its name.

        Raises:
            BadInput: The anchor has no such calendar.
        """
        for calendar in self.calendars:
            if calendar.name == name:
                return calendar
        raise BadInput(_unknown("Calendar", name, [known.name for known in self.calendars]))


def _unknown(what: str, name: str, known: list[str]) -> str:
    return f"{what} {name[:40]!r} is not offered: use one of {', '.join(known) or '(none is configured)'}."
