"""Authentication of SEP-10: hand out a challenge, take it back signed, give a token for it. Once each."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from roadstead.clock import Clock
from roadstead.config.effective import Configuration
from roadstead.config.strkey import is_public_key
from roadstead.database.pool import Database
from roadstead.errors import BadInput
from roadstead.partners import store
from roadstead.partners.attribution import check_attribution
from roadstead.partners.challenge_envelope import (
    NONCE_BYTES,
    ChallengeSigner,
    ChallengeTerms,
    Claimant,
    ClientDomain,
    pack_transaction,
)
from roadstead.partners.challenge_rules import check_signatures, read_signed_challenge
from roadstead.partners.client_domains import DomainKeys, client_domain_of
from roadstead.partners.principal import PartnerDirectory, Principal
from roadstead.partners.subjects import decode_muxed, parse_memo
from roadstead.partners.tokens import TokenBook
from roadstead.randomness import Randomness
from roadstead.stellar.accounts import AccountReader

log = structlog.get_logger()

AUTH_PATH = "/auth"
"""Where the API serves SEP-10; the public URL comes before it."""
PURGE_MARGIN = timedelta(minutes=5)
"""How long a used challenge is remembered after its end, for the difference between our machines' clocks."""
PURGE_MAX = 10_000
"""Most used challenges that one call purges."""

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A challenge to be signed."""

    transaction: str
    """The envelope, base64 of XDR."""
    network_passphrase: str


class Challenges:
    """Hands out challenges and gives tokens for them."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        database: Database,
        accounts: AccountReader,
        partners: PartnerDirectory,
        tokens: TokenBook,
        clock: Clock,
        randomness: Randomness,
        domain_keys: DomainKeys | None = None,
    ) -> None:
        """Put together what authentication stands on; without `domain_keys`, client domains are not supported.

        Raises:
            ConfigurationError: The signing key is none, or a domain is too long for a challenge.
        """
        self._signer = ChallengeSigner(configuration.settings.signing_secret)
        self.terms = ChallengeTerms(
            passphrase=configuration.settings.network_passphrase,
            home_domain=configuration.settings.home_domains[0],
            more_home_domains=configuration.settings.home_domains[1:],
            web_auth_domain=authority_of(configuration.settings.public_url),
            server_account=self._signer.account,
        )
        self.terms.check()
        self._allow_list = configuration.settings.require_partner_at_authentication
        self._require_attribution = configuration.settings.require_client_attribution
        self._endpoint = auth_endpoint(configuration.settings.public_url)
        self._domain_keys = domain_keys
        self._database = database
        self._accounts = accounts
        self._partners = partners
        self._tokens = tokens
        self._clock = clock
        self._randomness = randomness

    async def open(
        self,
        *,
        account: str | None,
        memo: str | None = None,
        home_domain: str | None = None,
        client_domain: str | None = None,
        authorization: str | None = None,
    ) -> Challenge:
        """Make a challenge for an account G..., with or without a memo, or M... Nothing is stored.

        `authorization` is the header of the request, and counts only where clients have to name themselves.

        Raises:
            BadInput: The account, the memo, the client domain or the header is not valid, or the home domain is not
                ours.
            Forbidden: Only partners may authenticate on this network, and the account belongs to none.
            Unauthenticated: Clients have to name themselves here, and this one did not.
            Unavailable: It is not known now whether the account belongs to a partner.
        """
        claimant = read_claimant(account, memo)
        if home_domain is not None and home_domain not in self.terms.home_domains:
            raise BadInput(
                f"The home domain {home_domain[:80]!r} is not served here: use {self.terms.home_domain} or leave it "
                "out."
            )
        client = await self._client(client_domain)
        if self._require_attribution:
            asked = {
                "account": account,
                "memo": memo,
                "home_domain": home_domain,
                "client_domain": client_domain,
            }
            check_attribution(
                authorization,
                key=client.key if client else claimant.account,
                endpoint=self._endpoint,
                parameters={name: value for name, value in asked.items() if value is not None},
                now=self._clock.now(),
            )
        await self._require_allowed(claimant)
        transaction = pack_transaction(
            self.terms.at(home_domain or self.terms.home_domain),
            claimant,
            nonce_text=base64.b64encode(self._randomness.token_bytes(NONCE_BYTES)),
            min_time_s=int(self._clock.now().timestamp()),
            client_domain=client,
        )
        envelope = self._signer.envelope(self.terms.passphrase, transaction)
        return Challenge(
            transaction=base64.b64encode(envelope).decode(), network_passphrase=self.terms.passphrase
        )

    async def _client(self, client_domain: str | None) -> ClientDomain | None:
        """Find the application; where none are supported, a request that names one is as good as any (SEP-10)."""
        if client_domain is None:
            return None
        if self._domain_keys is None:
            if self._require_attribution:
                raise BadInput("Client domains are not supported here: leave client_domain out.")
            return None
        return await client_domain_of(client_domain, self._domain_keys)

    async def redeem(self, transaction: str) -> str:
        """Give a token for a signed challenge; the use is committed before the token exists.

        A failed attempt does not use the challenge up. Whoever loses the answer asks for another challenge.

        Raises:
            BadInput: It is no challenge of ours, out of time, signed by the wrong keys, or has bought a token already.
            Forbidden: Only partners may authenticate on this network, and the account belongs to none.
            Unavailable: The network or the database does not answer; the account is then neither trusted nor refused.
        """
        challenge = read_signed_challenge(transaction, self.terms, self._clock.now())
        claimant = challenge.claimant
        await self._require_allowed(claimant)
        check_signatures(challenge, self.terms, await self._accounts.signers(claimant.account))
        async with self._database.transaction() as connection:
            unused = await store.insert_used_challenge(connection, challenge.hash, challenge.expires_at)
        if not unused:
            raise BadInput("The challenge has bought a token already: ask for a new one.")
        log.info("authenticated", account=claimant.account, challenge=challenge.hash.hex())
        principal = Principal(
            account=claimant.account,
            memo=claimant.memo,
            client_domain=challenge.client_domain.name if challenge.client_domain else None,
        )
        return self._tokens.issue(principal, challenge.hash, self._clock.now(), muxed=claimant.muxed)

    async def _require_allowed(self, claimant: Claimant) -> None:
        if self._allow_list:
            await self._partners.require_active(claimant.account)


async def purge_used(database: Database, now: datetime) -> int:
    """Forget used challenges that ended a while ago and return how many; at most `PURGE_MAX`. Safe to repeat.

    Raises:
        Unavailable: The database does not answer.
    """
    async with database.transaction() as connection:
        return await store.delete_used_challenges(connection, now - PURGE_MARGIN, PURGE_MAX)


def auth_endpoint(public_url: str) -> str:
    """Return the URL of the authentication endpoint, which is also the issuer of its tokens."""
    return public_url + AUTH_PATH


def authority_of(url: str) -> str:
    """Return host and port of a URL as browsers write them: small letters, no port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def read_claimant(account: str | None, memo: str | None) -> Claimant:
    """Read who asks for a challenge.

    Raises:
        BadInput: The account is missing or no address G... or M..., or the memo is no unsigned 64-bit integer.
    """
    if not account:
        raise BadInput("The parameter 'account' is missing: send the Stellar address that authenticates.")
    if account.startswith("C"):
        raise BadInput("Contract accounts (C...) authenticate by SEP-45, which is not offered here.")
    if muxed := decode_muxed(account):
        if memo is not None:
            raise BadInput("A muxed account carries its own id: leave the memo out, or use the base account.")
        return Claimant(account=muxed[0], memo=muxed[1], muxed=True)
    if not is_public_key(account):
        raise BadInput("The account is not valid: send a Stellar address that starts with G or M.")
    if memo is None:
        return Claimant(account=account)
    memo_id = parse_memo(memo)
    if memo_id is None:
        raise BadInput("The memo is not valid: send an unsigned 64-bit integer in decimal digits.")
    return Claimant(account=account, memo=memo_id)
