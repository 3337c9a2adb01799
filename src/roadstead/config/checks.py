"""What a configuration must be before a process starts with it: pure checks, one below the other.

Each check yields its problems as complete sentences that name the variable, what it must look like and an example. What
a network allows is asked of its profile; no check knows a network by name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from roadstead.config.customer_checks import CUSTOMER_CHECKS
from roadstead.config.definition import DEFAULT
from roadstead.config.definitions import SETTINGS
from roadstead.config.effective import Configuration
from roadstead.config.examples import EXAMPLE_VALUES
from roadstead.config.generated import is_generated
from roadstead.config.networks import profiles
from roadstead.config.pair_rules import HTTP, STATIC
from roadstead.config.rail_checks import (
    file_rails_have_folders_of_their_own,
    rail_variable,
    rails_have_what_they_need,
)
from roadstead.config.rail_definitions import RAIL_SETTINGS
from roadstead.config.screening_checks import screening_is_as_the_network_wants
from roadstead.config.secrets import Secret
from roadstead.config.strkey import public_key_of
from roadstead.config.text_forms import SIMULATED
from roadstead.config.verifier_checks import verification_is_real, verifier_secrets, verifier_urls

_DEFINITIONS = {definition.field: definition for definition in SETTINGS}
_RAIL_DEFINITIONS = {definition.field: definition for definition in RAIL_SETTINGS}
_KEY_ADVICE = {
    "signing_secret": "Make one offline with a Stellar wallet or the SDK and keep it in a secret store.",
    "distribution_secret": "Take the seed of your own distribution account, and keep it in a secret store.",
    "jwt_secret": "Make one with: openssl rand -base64 48",
    "jwt_secret_previous": "Remove it: tokens that it signed are not to be trusted.",
    "data_key": "Make one with: openssl rand -base64 32",
    "data_key_previous": "Make a new ROADSTEAD_DATA_KEY, and keep this one only until customers' data are moved to it.",
    "token": "Ask the bank for one.",
    "signing_key": "Make one with: openssl genpkey -algorithm ed25519",
    "secret": "Agree on one with whoever verifies.",
    "rates_token": "Ask the provider of the rates for one.",
    "screener_token": "Ask whoever runs the screener for one.",
    "alert_webhook_secret": "Make one with: openssl rand -base64 48",
    "alert_webhook_url": "Ask whoever runs the receiver for its address.",
    "smtp_url": "Ask whoever runs the mail server for a user of your own.",
    "database_url": "Give the role a password of its own.",
    "database_owner_url": "Give the role a password of its own.",
}


def problems_of(configuration: Configuration) -> list[str]:
    """List everything that keeps the anchor from starting; empty when nothing does."""
    return [problem for check in _CHECKS for problem in check(configuration)]


def _passphrase_belongs_to_the_network(configuration: Configuration) -> Iterator[str]:
    profile, passphrase = configuration.profile, configuration.settings.network_passphrase
    others = [other for other in profiles() if other != profile and other.passphrase == passphrase]
    for other in others:
        yield (
            f"ROADSTEAD_NETWORK_PASSPHRASE is the one of {other.network}, but ROADSTEAD_NETWORK is {profile.network}."
            f" Remove it, or make them agree, for example: ROADSTEAD_NETWORK_PASSPHRASE={profile.passphrase}"
        )
    if profile.passphrase_is_fixed and passphrase != profile.passphrase and not others:
        yield (
            f"ROADSTEAD_NETWORK_PASSPHRASE is not the one of {profile.network}. Remove it, or write exactly:"
            f" ROADSTEAD_NETWORK_PASSPHRASE={profile.passphrase}"
        )


def _horizon_belongs_to_the_network(configuration: Configuration) -> Iterator[str]:
    profile = configuration.profile
    hosts = {urlsplit(url).hostname or "" for url in configuration.settings.horizon_urls}
    for other in profiles():
        host = urlsplit(other.horizon_url).hostname or ""
        if other != profile and host in hosts and not _is_loopback(host):
            yield (
                f"ROADSTEAD_HORIZON_URLS names a server of {other.network}, but ROADSTEAD_NETWORK is {profile.network}."
                f" Remove it, or make them agree, for example: ROADSTEAD_HORIZON_URLS={profile.horizon_url}"
            )


def _urls_are_safe(configuration: Configuration) -> Iterator[str]:
    profile, settings = configuration.profile, configuration.settings
    if not profile.requires_https:
        return
    urls = [("ROADSTEAD_PUBLIC_URL", settings.public_url)]
    urls += [("ROADSTEAD_HORIZON_URLS", url) for url in settings.horizon_urls]
    urls += [("ROADSTEAD_RATES_URL", settings.rates_url)] if settings.rates_url else []
    urls += [(rail_variable(rail.name, "URL"), rail.url) for rail in configuration.rails if rail.url]
    urls += verifier_urls(configuration)
    for variable, url in urls:
        parts = urlsplit(url)
        if parts.scheme == "https" or (
            profile.allows_http_on_loopback and _is_loopback(parts.hostname or "")
        ):
            continue
        yield (
            f"{variable} is {url}, which anybody on the way can read and change. It must be https, for example:"
            f" {variable}=https://{parts.netloc}{parts.path}"
        )


def _home_domain_is_public(configuration: Configuration) -> Iterator[str]:
    profile, settings = configuration.profile, configuration.settings
    if profile.allows_http_on_loopback:
        return
    for variable, host in (
        ("ROADSTEAD_HOME_DOMAIN", settings.home_domain.partition(":")[0]),
        *(("ROADSTEAD_HOME_DOMAINS", domain.partition(":")[0]) for domain in settings.more_home_domains),
        ("ROADSTEAD_PUBLIC_URL", urlsplit(settings.public_url).hostname or ""),
    ):
        if _is_loopback(host):
            yield (
                f"{variable} names this machine ({host}), which no partner can reach. It must be a public domain, for"
                f" example: {_DEFINITIONS[_FIELD_OF[variable]].example}"
            )


def _nothing_is_simulated(configuration: Configuration) -> Iterator[str]:
    for rail in configuration.rails:
        variable = rail_variable(rail.name, "KIND")
        expected = f"{variable}={_RAIL_DEFINITIONS['kind'].example}"
        if not rail.kind:
            yield f"{variable} is missing. It must name what pays out for {rail.name}, for example: {expected}"
        elif rail.kind == SIMULATED and not configuration.profile.allows_simulated_rail:
            yield (
                f"{variable} is simulated, which pays nobody. It must name a real rail, for example:"
                f" {expected}"
            )


def _rates_have_their_address(configuration: Configuration) -> Iterator[str]:
    definition, url = _DEFINITIONS["rates_url"], configuration.settings.rates_url
    sources = [source for source in configuration.anchor.rate_sources if source.kind != STATIC]
    for source in sources:
        if source.kind == HTTP and url is None:
            yield (
                f"{definition.variable} is missing: the rate source {source.name} is of kind http."
                f" {definition.expected}"
            )
    if url is not None and not sources:
        yield (
            f"{definition.variable} is set, and every rate source of anchor.toml is static. Remove it, or write"
            ' kind = "http" there.'
        )


def _alerts_have_what_they_need(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    groups = (
        ("alert_webhook_url", "alert_webhook_secret"),
        ("smtp_url", "alert_email_from", "alert_email_to"),
    )
    for fields in groups:
        given = [field for field in fields if getattr(settings, field)]
        for field in fields:
            if given and field not in given:
                definition, other = _DEFINITIONS[field], _DEFINITIONS[given[0]].variable
                yield f"{definition.variable} is missing, and {other} is set. {definition.expected}"


def _alerts_are_sent_safely(configuration: Configuration) -> Iterator[str]:
    url = configuration.settings.alert_webhook_url
    if url is None or not configuration.profile.requires_https:
        return
    parts = urlsplit(url.reveal())
    if parts.scheme != "https" and not _is_private(parts.hostname or ""):
        yield (
            "ROADSTEAD_ALERT_WEBHOOK_URL is http to a public address, which anybody on the way can read. It must be"
            " https, or a private IP address, for example:"
            f" ROADSTEAD_ALERT_WEBHOOK_URL={_DEFINITIONS['alert_webhook_url'].example}"
        )


def _debugging_is_off(configuration: Configuration) -> Iterator[str]:
    if configuration.settings.debug and not configuration.profile.allows_debug:
        yield (
            "ROADSTEAD_DEBUG is true, which shows the inside of the server to callers. It must be off, for example:"
            " ROADSTEAD_DEBUG=false"
        )


def _database_is_served(configuration: Configuration) -> Iterator[str]:
    if configuration.settings.database_url is None and not configuration.profile.allows_embedded_database:
        definition = _DEFINITIONS["database_url"]
        yield (
            f"{definition.variable} is missing, and the embedded database is for rehearsals only: nobody backs it up."
            f" {definition.expected}"
        )


def _database_roles_go_together(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    if settings.database_url is None and settings.database_owner_url is not None:
        yield (
            "ROADSTEAD_DATABASE_OWNER_URL is set without ROADSTEAD_DATABASE_URL, and would not be used. Set both, or"
            f" neither. {_DEFINITIONS['database_url'].expected}"
        )


def _secrets_are_our_own(configuration: Configuration) -> Iterator[str]:
    for variable, field, secret in (*_secrets(configuration), *_database_urls(configuration)):
        advice = _KEY_ADVICE[field]
        text = secret.reveal()
        if text in EXAMPLE_VALUES and not configuration.profile.allows_example_keys:
            yield f"{variable} is the example of our documentation, which everybody knows. {advice}"
        if is_generated(text) and not configuration.profile.allows_generated_keys:
            yield f"{variable} was generated for a sandbox, and does not guard real money. {advice}"


def _accounts_are_our_own(configuration: Configuration) -> Iterator[str]:
    if configuration.profile.allows_example_keys:
        return
    for variable, account in _accounts(configuration):
        if account in EXAMPLE_VALUES:
            yield (
                f"{variable} is the example of our documentation, whose secret seed anybody can have. It must be an"
                f" account of your own, for example: {variable}=G... (56 characters)"
            )


def _accounts_are_apart(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    distribution = settings.distribution_account
    for code, issuer in settings.issuers.items():
        if issuer == distribution:
            yield (
                f"ROADSTEAD_DISTRIBUTION_ACCOUNT is also ROADSTEAD_ASSET_{code}_ISSUER. The issuing account must be"
                " kept offline and apart: make a second account and set ROADSTEAD_DISTRIBUTION_ACCOUNT=G... to it"
            )
        if issuer == configuration.signing_account:
            yield (
                f"ROADSTEAD_SIGNING_SECRET is the key of ROADSTEAD_ASSET_{code}_ISSUER, and so this server could issue"
                " the asset. Make a key that only signs and set ROADSTEAD_SIGNING_SECRET=S... to it"
            )
    if distribution == configuration.signing_account:
        yield (
            "ROADSTEAD_SIGNING_SECRET is the key of ROADSTEAD_DISTRIBUTION_ACCOUNT, and so a web server holds the key"
            " to the money. Make a key that only signs and set ROADSTEAD_SIGNING_SECRET=S... to it"
        )


def _the_key_to_the_money_is_kept(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    if settings.distribution_secret is None:
        return
    if not (configuration.profile.allows_secret_in_environment or settings.allow_secret_in_environment):
        yield (
            "ROADSTEAD_DISTRIBUTION_SECRET is set, and whoever reads this environment can take real money. If nothing"
            " better is at hand, say that you know: ROADSTEAD_ALLOW_SECRET_IN_ENVIRONMENT=true"
        )
    account = public_key_of(settings.distribution_secret.reveal())
    for code, issuer in settings.issuers.items():
        if issuer == account:
            yield (
                f"ROADSTEAD_DISTRIBUTION_SECRET is the key of ROADSTEAD_ASSET_{code}_ISSUER, and so this server could"
                " issue the asset. It must be the key of the distribution account"
            )


def _secrets_are_apart(configuration: Configuration) -> Iterator[str]:
    seen: dict[Secret, str] = {}
    for variable, _, secret in _secrets(configuration):
        if secret in seen:
            yield f"{variable} and {seen[secret]} are the same secret. Each must be its own, so that one leak is one."
        seen.setdefault(secret, variable)


def _listeners_are_apart(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    if settings.api_port == settings.internal_port != 0 and settings.api_host == settings.internal_host:
        yield (
            f"ROADSTEAD_INTERNAL_PORT and ROADSTEAD_API_PORT are both {settings.api_port}. Metrics and health have a"
            f" port of their own, for example: ROADSTEAD_INTERNAL_PORT={settings.api_port % 65_535 + 1}"
        )


def _secrets(configuration: Configuration) -> Iterator[tuple[str, str, Secret]]:
    settings = configuration.settings
    for field in (
        *(
            "signing_secret",
            "distribution_secret",
            "jwt_secret",
            "jwt_secret_previous",
            "data_key",
            "data_key_previous",
            "rates_token",
            "screener_token",
        ),
        *("alert_webhook_url", "alert_webhook_secret", "smtp_url"),
    ):
        secret = getattr(settings, field)
        if secret is not None:
            yield _DEFINITIONS[field].variable, field, secret
    for rail in configuration.rails:
        if rail.token is not None:
            yield rail_variable(rail.name, "TOKEN"), "token", rail.token
        if rail.signing_key is not None:
            yield rail_variable(rail.name, "SIGNING_KEY"), "signing_key", rail.signing_key
    yield from verifier_secrets(configuration)


def _database_urls(configuration: Configuration) -> Iterator[tuple[str, str, Secret]]:
    for field in ("database_url", "database_owner_url"):
        url = getattr(configuration.settings, field)
        if url is not None and configuration.settings.origins.get(_DEFINITIONS[field].variable) != DEFAULT:
            yield _DEFINITIONS[field].variable, field, url


def _accounts(configuration: Configuration) -> Iterator[tuple[str, str]]:
    settings = configuration.settings
    yield "ROADSTEAD_DISTRIBUTION_ACCOUNT", settings.distribution_account
    for account in settings.own_accounts:
        yield "ROADSTEAD_OWN_ACCOUNTS", account
    for code, issuer in settings.issuers.items():
        yield f"ROADSTEAD_ASSET_{code}_ISSUER", issuer


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return _is_loopback(host)


_FIELD_OF = {definition.variable: definition.field for definition in SETTINGS}

_CHECKS: tuple[Callable[[Configuration], Iterator[str]], ...] = (
    _passphrase_belongs_to_the_network,
    _horizon_belongs_to_the_network,
    _urls_are_safe,
    _home_domain_is_public,
    _nothing_is_simulated,
    rails_have_what_they_need,
    file_rails_have_folders_of_their_own,
    verification_is_real,
    _rates_have_their_address,
    _alerts_have_what_they_need,
    _alerts_are_sent_safely,
    _debugging_is_off,
    _database_is_served,
    _database_roles_go_together,
    _secrets_are_our_own,
    _accounts_are_our_own,
    _accounts_are_apart,
    _the_key_to_the_money_is_kept,
    _secrets_are_apart,
    _listeners_are_apart,
    *CUSTOMER_CHECKS,
    screening_is_as_the_network_wants,
)
