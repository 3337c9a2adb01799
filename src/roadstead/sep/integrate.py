"""The page "Integrate with us": what a partner's engineers need to begin, from the configuration in effect."""

from __future__ import annotations

from collections.abc import Iterator

from roadstead.config.anchor import AssetTerms, CustomerGate, CustomerType
from roadstead.config.effective import AcceptedAsset, Configuration
from roadstead.partners.challenge_envelope import VALID_S
from roadstead.partners.challenges import auth_endpoint
from roadstead.partners.tokens import TOKEN_LIFETIME_S
from roadstead.sep.markup import Markup, element, joined, page, table


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
    yield element(
        "li",
        "Pay exactly the amount to the account, with exactly the memo that the answer names, within "
        f"{terms.expires_after_s} s. The memo alone tells us which payment it is.",
    )
    yield element("li", "Follow it with GET /sep31/transactions/{id}.")


def _asset(accepted: AcceptedAsset, configuration: Configuration) -> Iterator[Markup]:
    terms = accepted.terms
    yield element("h3", f"{terms.code}: {terms.name}")
    yield element("p", terms.description)
    yield table(("what", "value"), _terms(accepted))
    yield table(("funding method", "meaning"), _methods(terms, configuration))
    for side, name in (("sending", terms.sender_type), ("receiving", terms.receiver_type)):
        if name is not None:
            yield from _customers(side, configuration.anchor.customer_type(name))


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


def _customers(side: str, customer_type: CustomerType) -> Iterator[Markup]:
    yield element("p", f"Of {side} clients we ask, under the type ", element("code", customer_type.name), ":")
    yield table(
        ("field of SEP-9", "needed", "meaning"),
        (
            (
                element("code", field.name),
                "no" if field.optional else "yes",
                f"{field.description}: {', '.join(field.choices)}" if field.choices else field.description,
            )
            for field in customer_type.fields
        ),
    )


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
