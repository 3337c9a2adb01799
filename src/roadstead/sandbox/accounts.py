"""The sandbox's accounts on its Stellar network: funded, trusting, and holding what they are to hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from roadstead.config.strkey import public_key_of
from roadstead.errors import ConfigurationError
from roadstead.sandbox.calls import Calls, Refused
from roadstead.sandbox.keys import Keys
from roadstead.sandbox.wallet import Wallet, account_state

PARTNER_BALANCE = "10000000"
"""What each partner holds of each asset, in whole assets."""

_BAD_REQUEST = 400


async def require_network(calls: Calls, *, horizon_url: str, passphrase: str) -> None:
    """Make sure that Horizon shows the network that is meant, before anything is signed for it.

    Raises:
        ConfigurationError: It shows another network, or is no Horizon.
        Unavailable: It does not answer.
    """
    try:
        root = await calls.expect("GET", f"{horizon_url}/")
    except Refused as refused:
        raise ConfigurationError(f"{horizon_url} is no Horizon: {refused.message}") from refused
    shown = root.get("network_passphrase")
    if shown != passphrase:
        raise ConfigurationError(
            f"{horizon_url} shows the network {str(shown)[:200]!r}, not {passphrase!r}: correct --horizon or "
            "--passphrase."
        )


async def prepare_accounts(
    calls: Calls, *, horizon_url: str, friendbot_url: str, keys: Keys, home_domain: str
) -> None:
    """Bring the accounts to where a sandbox starts from; safe to call again, also after half of it.

    Everything but the funding happens in one transaction, so an asset is either known to all accounts and issued to the
    partners, or not there at all.

    Raises:
        BadInput: The network refuses a step.
        Unavailable: The network does not answer.
    """
    issuers = keys.issuer_seeds
    seeds = [keys.distribution_seed, *issuers.values(), *keys.partner_seeds.values()]
    accounts = [public_key_of(seed) for seed in seeds]
    await asyncio.gather(*(_fund(calls, horizon_url, friendbot_url, account) for account in accounts))
    distribution = await account_state(calls, horizon_url, keys.distribution_account)
    missing = {
        code: seed for code, seed in issuers.items() if not _trusts(distribution, code, public_key_of(seed))
    }
    homeless = [
        seed
        for seed in issuers.values()
        if (await account_state(calls, horizon_url, public_key_of(seed))).get("home_domain") != home_domain
    ]
    operations = [*_introduce(keys, missing), *_settle(homeless, home_domain)]
    if not operations:
        return
    wallet = Wallet(
        calls, horizon_url=horizon_url, network_passphrase=keys.passphrase, seed=keys.distribution_seed
    )
    involved = dict.fromkeys([*missing.values(), *homeless])
    partners = keys.partner_seeds.values() if missing else ()
    await wallet.submit(operations, signers=(*involved, *partners))


async def _fund(calls: Calls, horizon_url: str, friendbot_url: str, account: str) -> None:
    try:
        await calls.expect("GET", friendbot_url, query={"addr": account}, redirects=True)
    except Refused as refused:
        if refused.status != _BAD_REQUEST:
            raise
        # It was funded before: then it exists, and nothing is to be done.
        await account_state(calls, horizon_url, account)


def _trusts(state: Mapping[str, Any], code: str, issuer: str) -> bool:
    return any(
        line.get("asset_code") == code and line.get("asset_issuer") == issuer for line in state["balances"]
    )


def _introduce(keys: Keys, seeds: Mapping[str, str]) -> Iterator[Any]:
    """Yield the operations that let distribution account and partners hold each asset, and give it to the partners."""
    from stellar_sdk import Asset, ChangeTrust, Payment  # noqa: PLC0415 - the SDK is slow to import

    partners = [public_key_of(seed) for seed in keys.partner_seeds.values()]
    for code, seed in seeds.items():
        issuer = public_key_of(seed)
        asset = Asset(code, issuer)
        for account in (keys.distribution_account, *partners):
            yield ChangeTrust(asset=asset, source=account)
        for partner in partners:
            yield Payment(destination=partner, asset=asset, amount=PARTNER_BALANCE, source=issuer)


def _settle(seeds: list[str], home_domain: str) -> Iterator[Any]:
    from stellar_sdk import SetOptions  # noqa: PLC0415 - the SDK is slow to import

    for seed in seeds:
        yield SetOptions(home_domain=home_domain, source=public_key_of(seed))
