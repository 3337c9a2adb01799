"""The page "Integrate with us": what a partner's engineers need to begin, from the configuration in effect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from roadstead.callbacks import retries
from roadstead.callbacks.http_client import TIMEOUT_S
from roadstead.callbacks.signatures import AGE_MAX
from roadstead.config.anchor import (
    AssetTerms,
    CustomerField,
    CustomerGate,
    CustomerRole,
    CustomerType,
)
from roadstead.config.effective import AcceptedAsset, Configuration, QuotedPair
from roadstead.customers.corridors import Demand, demands
from roadstead.customers.requirements import DOCUMENT_FIELDS
from roadstead.partners.challenge_envelope import VALID_S
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.receipts import KEPT_FOR
from roadstead.partners.tokens import TOKEN_LIFETIME_S
from roadstead.sep.markup import Markup, element, joined, page, table

_SIDES = ((CustomerRole.SENDER, "sending clients"), (CustomerRole.RECEIVER, "receiving clients"))


def integrate_page(configuration: Configuration) -> bytes:
    """Write the page; it says nothing that is not in effect."""
    organization = configuration.anchor.organization
    name = organization.dba or organization.name
    return page(
        f"Integrate with {name}",
        element(
            "p",
            "You send payments on Stellar, and we deliver them to bank accounts (SEP-31). This page is written by the "
            "server itself from its configuration. Every endpoint is described in the ",
            element("a", "reference", href="reference"),
            ".",
        ),
        element("h2", "Where we are"),
        table(("what", "value"), _places(configuration)),
        element("h2", "How to authenticate"),
        element("ol", *_authentication(configuration)),
        element("h2", "How to send a payment"),
        element("ol", *_payment(configuration)),
        element("h2", "What we receive"),
        *(part for accepted in configuration.assets for part in _asset(accepted, configuration)),
        *_exchange(configuration),
        element("h2", "How to repeat a request"),
        *_repeating(configuration),
        element("h2", "How to be told"),
        *_callbacks(configuration),
        element("h2", "Limits"),
        table(("what", "at most"), _limits(configuration)),
        element("h2", "Help"),
        element("p", _help(organization.support_email)),
    )


def _places(configuration: Configuration) -> Iterator[tuple[str, str]]:
    settings = configuration.settings
    url = settings.public_url
    yield "Network", element("code", settings.network_passphrase)
    yield "Home domain", element("code", ", ".join(settings.home_domains))
    yield "stellar.toml (SEP-1)", element("code", f"{url}/.well-known/stellar.toml")
    yield "Authentication (SEP-10)", element("code", auth_endpoint(url))
    yield "Customers (SEP-12)", element("code", f"{url}/kyc")
    yield "Payments (SEP-31)", element("code", f"{url}/sep31")
    if configuration.pairs:
        yield "Prices and quotes (SEP-38)", element("code", f"{url}/sep38")
    yield "Our signing key", element("code", configuration.signing_account)
    yield "The account that you pay to", element("code", settings.distribution_account)


def _authentication(configuration: Configuration) -> Iterator[Markup]:
    endpoint = auth_endpoint(configuration.settings.public_url)
    yield element("li", "Tell us the Stellar accounts with which you authenticate; we enable them for you.")
    yield element("li", "Ask for a challenge: ", element("code", f"GET {endpoint}?account=G..."), ".")
    yield element("li", "Check it as SEP-10 tells clients to, and sign it with the keys of the account.")
    yield element(
        "li", "Exchange it for a token: ", element("code", f"POST {endpoint}"), f", within {VALID_S} s."
    )
    yield element(
        "li",
        "Send the token with every request: ",
        element("code", "Authorization: Bearer <token>"),
        f". It holds for {TOKEN_LIFETIME_S} s; then authenticate again.",
    )


def _payment(configuration: Configuration) -> Iterator[Markup]:
    terms = configuration.anchor.remittances
    yield element("li", "Register both customers with PUT /kyc/customer, each under a memo of its own.")
    if configuration.pairs:
        yield element(
            "li",
            "To know what arrives before you send, ask for a firm quote with POST /sep38/quote, and name it as ",
            element("code", "quote_id"),
            " in the next step. ",
            _required(configuration),
        )
    if terms.kyc is CustomerGate.ASYNCHRONOUS:
        yield element(
            "li",
            "Open the payment with POST /sep31/transactions. While a customer is not complete, the answer names no "
            "account to pay to; GET /sep31/transactions/{id} tells it as soon as it may be paid.",
        )
    else:
        yield element(
            "li",
            "Open the payment with POST /sep31/transactions. Where a customer is not complete, the answer is ",
            element("code", "customer_info_needed"),
            ": send what is missing, and open it again.",
        )
    or_quote = ", or before the quote expires if you named one" if configuration.pairs else ""
    yield element(
        "li",
        "Pay exactly the amount to the account, with exactly the memo that the answer names, within "
        f"{terms.expires_after_s} s{or_quote}. The memo alone tells us which payment it is.",
    )
    yield element("li", "Follow it with GET /sep31/transactions/{id}, or be told.")


def _required(configuration: Configuration) -> str:
    codes = [accepted.code for accepted in configuration.assets if accepted.terms.quotes_required]
    if codes:
        return f"{' and '.join(codes)} cannot be sent without one."
    return (
        "Without one, we deliver one to one less the fee, or, if destination_asset names another currency, at the rate "
        "when your payment arrives."
    )


def _asset(accepted: AcceptedAsset, configuration: Configuration) -> Iterator[Markup]:
    terms = accepted.terms
    yield element("h3", f"{terms.code}: {terms.name}")
    yield element("p", terms.description)
    yield table(("what", "value"), _terms(accepted))
    yield table(("funding method", "meaning"), _methods(terms, configuration))
    for role, whom in _SIDES:
        asked = demands(configuration.anchor, terms.code, role)
        yield from _asked_of(whom, asked, configuration)
        if any(demand.above is not None for demand in asked):
            yield element("p", *_above(configuration))


def _above(configuration: Configuration) -> Iterator[Markup | str]:
    yield "Above an amount that stands here, that type is asked instead of the usual one."
    if configuration.anchor.remittances.kyc is CustomerGate.STRICT:
        yield " The answer "
        yield element("code", "customer_info_needed")
        yield " names the type that is missing."


def _asked_of(whom: str, asked: tuple[Demand, ...], configuration: Configuration) -> Iterator[Markup]:
    """Write every type that may be asked of one side, when it is, and its fields."""
    for name in dict.fromkeys(demand.type for demand in asked):
        when = ", ".join(filter(None, (_when(demand) for demand in asked if demand.type == name)))
        customer_type = configuration.anchor.customer_type(name)
        yield from _customers(f"{whom} ({when})" if when else whom, customer_type)


def _when(demand: Demand) -> str:
    parts = [
        demand.delivers.code if demand.delivers else "",
        f"by {' or '.join(demand.funding_methods)}" if demand.funding_methods else "",
        "" if demand.above is None else f"above {demand.above:f} {demand.unit}",
    ]
    return " ".join(filter(None, parts))


def _terms(accepted: AcceptedAsset) -> Iterator[tuple[str, str]]:
    terms = accepted.terms
    yield "Asset on Stellar", element("code", accepted.asset.id)
    yield "Delivered as", element("code", terms.delivers.id)
    yield "Least amount", f"{terms.amount_min:f} {terms.code}"
    yield "Greatest amount", f"{terms.amount_max:f} {terms.code}"
    yield "Fee", f"{terms.fee_fixed:f} {terms.code} and {terms.fee_percent:f} % of the amount"


def _methods(terms: AssetTerms, configuration: Configuration) -> Iterator[tuple[str, str]]:
    for name in terms.funding_methods:
        yield element("code", name), configuration.anchor.funding_method(name).description


def _customers(whom: str, customer_type: CustomerType) -> Iterator[Markup]:
    yield element("p", f"Of {whom} we ask, under the type ", element("code", customer_type.name), ":")
    yield table(
        ("field of SEP-9", "needed", "meaning", "asked again"),
        (
            (
                element("code", field.name),
                "no" if field.optional else "yes",
                f"{field.description}: {', '.join(field.choices)}" if field.choices else field.description,
                _asked_again(field),
            )
            for field in customer_type.fields
        ),
    )


def _asked_again(field: CustomerField) -> str:
    if field.valid_days is not None:
        return f"after {field.valid_days} days"
    return "when the document has expired" if field.name in DOCUMENT_FIELDS else "never"


def _exchange(configuration: Configuration) -> Iterator[Markup]:
    if not configuration.pairs:
        return
    yield element("h2", "What we exchange")
    yield element(
        "p",
        "GET /sep38/prices and GET /sep38/price tell what an exchange costs now; POST /sep38/quote promises it until ",
        element("code", "expires_at"),
        ", by which your payment has to be in a ledger. Name ",
        element("code", "context=sep31"),
        ", and one delivery method where there are several. A quote pays for one payment. Where no current rate is "
        "known, the answer is 503: ask again later.",
    )
    yield table(
        ("you send", "we deliver", "delivery methods", "to", "amount", "fee", "a quote holds"),
        (_pair(pair) for pair in configuration.pairs),
    )
    methods = dict.fromkeys(name for pair in configuration.pairs for name in pair.terms.funding_methods)
    yield table(
        ("delivery method", "meaning"),
        ((element("code", name), configuration.anchor.funding_method(name).description) for name in methods),
    )


def _pair(pair: QuotedPair) -> tuple[str, ...]:
    terms, code = pair.terms, pair.sell.code
    return (
        element("code", code),
        element("code", pair.buy.id),
        element("code", ", ".join(terms.funding_methods)),
        ", ".join(terms.country_codes) or "any country",
        f"{pair.amount_min:f} to {pair.amount_max:f} {code}",
        f"{pair.fee_fixed:f} {code} and {pair.fee_percent:f} % of the amount",
        f"{terms.quote_lifetime_s} s, at most {terms.quote_lifetime_max_s} s with expire_after",
    )


def _repeating(configuration: Configuration) -> Iterator[Markup]:
    both = "POST /sep31/transactions and POST /sep38/quote take"
    yield element(
        "p",
        "When an answer does not reach you, send the same request again with the same header ",
        element("code", "Idempotency-Key: <key of your own>"),
        f", which {both if configuration.pairs else 'POST /sep31/transactions takes'}: 1 to 255 visible "
        "ASCII characters, best a new random one for each payment.",
    )
    yield element(
        "ul",
        element(
            "li",
            "The same body gets the same answer as the first time, with the header ",
            element("code", "Idempotent-Replayed: true"),
            ". Nothing is opened twice.",
        ),
        element("li", "Another body under the same key is refused with 409."),
        element("li", "A refusal is not remembered: correct the request, and send it with the same key."),
        element(
            "li",
            f"A key is remembered for {_hours(KEPT_FOR)} h at least. Other accounts' keys are not yours.",
        ),
    )


def _callbacks(configuration: Configuration) -> Iterator[Markup]:
    yield element(
        "p",
        "Instead of asking again and again, let us call you at each change of a payment's status. The status "
        "that a payment is opened with is not told.",
    )
    yield element("ol", *_registering(configuration))
    yield element("p", "Verify every callback before you believe it:")
    yield element("ol", *_verifying(configuration))


def _registering(configuration: Configuration) -> Iterator[Markup]:
    yield element("li", "Tell us the hosts at which you want to be called; we agree on them with you.")
    address = "an https URL at one of them that leads to public addresses"
    if configuration.profile.allows_callbacks_to_private_addresses:
        address = "a URL at one of them; here, http and private addresses are called too"
    yield element(
        "li",
        "Register with PUT /sep31/transactions/{id}/callback and ",
        element("code", '{"url": "https://..."}'),
        f": {address}. The answer is 204. A later URL replaces the earlier one.",
    )
    yield element(
        "li",
        "Expect a POST of what GET /sep31/transactions/{id} answered when the status changed, and answer 2xx within "
        f"{TIMEOUT_S:g} s. Redirects are not followed.",
    )
    yield element(
        "li",
        f"Anything else is tried again, at most {_hours(retries.AGE_MAX)} h long. A later change of the same payment "
        "waits for the earlier one. The same callback may come twice.",
    )


def _verifying(configuration: Configuration) -> Iterator[Markup]:
    yield element(
        "li",
        "Read the header ",
        element("code", "Signature: t=<unix seconds>, s=<base64>"),
        f"; refuse it when t is more than {AGE_MAX.total_seconds():.0f} s away from your clock.",
    )
    yield element(
        "li",
        "Put the bytes ",
        element("code", "<t>.<host>.<body>"),
        " together: the host of the URL that you registered, with its port if it names one, and the body "
        "exactly as it came.",
    )
    yield element(
        "li",
        "Check s as the Ed25519 signature of these bytes by ",
        element("code", configuration.signing_account),
        ".",
    )


def _hours(age: timedelta) -> int:
    return age // timedelta(hours=1)


def _limits(configuration: Configuration) -> Iterator[tuple[str, str]]:
    limits = configuration.anchor.limits
    yield "Body of a request", f"{limits.body_bytes_max} bytes"
    yield "Requests of one account in a minute", str(limits.account_requests_per_minute)
    yield "Requests without a token from one address in a minute", str(limits.address_requests_per_minute)
    yield (
        "Beyond that",
        joined(("429, with the header ", element("code", "Retry-After"), " in seconds")),
    )


def _help(email: str | None) -> Markup:
    told = "Every answer carries the header X-Request-ID: name it when you ask. "
    return joined((told, f"Write to {email}." if email else "Our support is named in stellar.toml."))
