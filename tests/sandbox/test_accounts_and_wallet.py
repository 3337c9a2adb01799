"""Preparing accounts and paying, on the real offline network."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from roadstead.config.strkey import public_key_of
from roadstead.randomness import SystemRandomness
from roadstead.sandbox import roles
from roadstead.sandbox.accounts import PARTNER_BALANCE, prepare_accounts
from roadstead.sandbox.calls import Calls
from roadstead.sandbox.environment import plain_environment
from roadstead.sandbox.keys import Keys, make_keys, with_issuers, with_ports
from roadstead.sandbox.ports import choose_free
from roadstead.sandbox.supervisor import Supervisor
from roadstead.sandbox.wallet import TransactionRefused, Wallet, account_state, memo_from_text

HOME_DOMAIN = "localhost:8080"


@dataclass
class Offline:
    """A network process with its supervisor, and keys for it."""

    keys: Keys
    supervisor: Supervisor
    calls: Calls

    @property
    def horizon(self) -> str:
        return roles.local_url(self.keys.ports[roles.NETWORK])

    async def prepare(self, *, home_domain: str = HOME_DOMAIN) -> None:
        await prepare_accounts(
            self.calls,
            horizon_url=self.horizon,
            friendbot_url=f"{self.horizon}/friendbot",
            keys=self.keys,
            home_domain=home_domain,
        )

    async def balances(self, account: str) -> dict[str, str]:
        state = await account_state(self.calls, self.horizon, account)
        return {line.get("asset_code", "native"): line["balance"] for line in state["balances"]}

    def wallet(self, name: str) -> Wallet:
        return Wallet(
            self.calls,
            horizon_url=self.horizon,
            network_passphrase=self.keys.passphrase,
            seed=self.keys.partner_seeds[name],
        )

    async def pay(self, wallet: Wallet, amount: str, **changed: Any) -> str:
        terms: dict[str, Any] = {
            "destination": self.keys.distribution_account,
            "asset_code": "EURX",
            "asset_issuer": self.keys.issuers["EURX"],
            "memo": memo_from_text("id", "17"),
        }
        paid = await wallet.pay(amount=amount, **(terms | changed))
        return paid.transaction_hash


@pytest.fixture
async def offline(tmp_path: Path) -> AsyncIterator[Offline]:
    keys = with_issuers(
        make_keys(SystemRandomness(), passphrase="Test ; 1"), SystemRandomness(), ["EURX", "USDC"]
    )
    keys = with_ports(keys, {roles.NETWORK: choose_free(taken=())})
    supervisor = Supervisor(logs=tmp_path, tell=print, changed=lambda: None)
    try:
        base = plain_environment(os.environ)
        await supervisor.start(roles.network_role(base, state_folder=tmp_path, keys=keys, close="auto:0.3"))
        async with Calls() as calls:
            yield Offline(keys=keys, supervisor=supervisor, calls=calls)
    finally:
        await supervisor.stop()


class TestPreparingTheAccounts:
    async def test_gives_each_partner_its_assets_and_the_distribution_account_its_trustlines(
        self, offline: Offline
    ) -> None:
        await offline.prepare()

        full = f"{PARTNER_BALANCE}.0000000"
        for seed in offline.keys.partner_seeds.values():
            balances = await offline.balances(public_key_of(seed))
            assert (balances["EURX"], balances["USDC"]) == (full, full)
        distribution = await offline.balances(offline.keys.distribution_account)
        assert (distribution["EURX"], distribution["USDC"]) == ("0.0000000", "0.0000000")
        for issuer in offline.keys.issuers.values():
            assert (await account_state(offline.calls, offline.horizon, issuer))["home_domain"] == HOME_DOMAIN

    async def test_issues_nothing_a_second_time_even_when_the_domain_moves(self, offline: Offline) -> None:
        await offline.prepare()
        first = await offline.balances(public_key_of(next(iter(offline.keys.partner_seeds.values()))))

        await offline.prepare(home_domain="localhost:9999")

        assert await offline.balances(public_key_of(next(iter(offline.keys.partner_seeds.values())))) == first
        issuer = offline.keys.issuers["EURX"]
        assert (await account_state(offline.calls, offline.horizon, issuer))[
            "home_domain"
        ] == "localhost:9999"

    async def test_completes_what_was_cut_off_after_some_accounts_were_funded(self, offline: Offline) -> None:
        await offline.calls.expect(
            "GET", f"{offline.horizon}/friendbot", query={"addr": offline.keys.distribution_account}
        )

        await offline.prepare()

        assert set(await offline.balances(offline.keys.distribution_account)) == {"EURX", "USDC", "native"}

    async def test_brings_in_an_asset_that_was_added_later(self, offline: Offline) -> None:
        await offline.prepare()
        offline.keys = with_issuers(offline.keys, SystemRandomness(), ["EURX", "USDC", "GBPX"])

        await offline.prepare()

        assert set(await offline.balances(offline.keys.distribution_account)) == {
            "EURX",
            "USDC",
            "GBPX",
            "native",
        }


class TestPaying:
    async def test_several_payments_at_once_from_one_account_all_arrive_once(self, offline: Offline) -> None:
        await offline.prepare()
        first, second = offline.keys.partner_seeds
        one, same_account, other = offline.wallet(first), offline.wallet(first), offline.wallet(second)

        hashes = await asyncio.gather(
            *(offline.pay(wallet, "1.5") for wallet in (one, one, same_account, other)),
        )

        assert len(set(hashes)) == 4
        assert (await offline.balances(offline.keys.distribution_account))["EURX"] == "6.0000000"

    async def test_a_network_that_is_killed_in_the_middle_is_paid_once(self, offline: Offline) -> None:
        await offline.prepare()
        wallet = offline.wallet(next(iter(offline.keys.partner_seeds)))
        paying = [asyncio.create_task(offline.pay(wallet, "2")) for _ in range(3)]
        for _ in range(2):
            await asyncio.sleep(0.4)
            os.kill(offline.supervisor.pids[roles.NETWORK], signal.SIGKILL)
            await asyncio.sleep(1.2)

        await asyncio.gather(*paying)

        assert (await offline.balances(offline.keys.distribution_account))["EURX"] == "6.0000000"

    @pytest.mark.parametrize(
        ("path", "fault"),
        [
            ("lost-answers", {"count": 2}),
            ("failures", {"status": 504, "seconds": 1, "requests": 3, "path": "/transactions"}),
            ("failures", {"status": 503, "seconds": 1, "requests": 5, "path": "/"}),
            ("failures", {"status": 429, "seconds": 1, "requests": 3, "path": "/transactions"}),
        ],
    )
    async def test_an_answer_that_is_lost_or_late_does_not_pay_twice(
        self, offline: Offline, path: str, fault: dict[str, object]
    ) -> None:
        await offline.prepare()
        wallet = offline.wallet(next(iter(offline.keys.partner_seeds)))
        staged = await offline.calls.once("POST", f"{offline.horizon}/sandbox/{path}", json=fault)
        assert staged.status == 200

        for _ in range(3):
            await offline.pay(wallet, "2")

        assert (await offline.balances(offline.keys.distribution_account))["EURX"] == "6.0000000"

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"amount": "10000000.5"}, "op_underfunded.*does not hold that much"),
            (
                {"destination": "GAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZ6Q"},
                "op_no_destination",
            ),
            ({"asset_code": "OTHER"}, "trust"),
        ],
    )
    async def test_a_refusal_names_the_networks_reason(
        self, offline: Offline, changed: dict[str, str], reason: str
    ) -> None:
        await offline.prepare()
        wallet = offline.wallet(next(iter(offline.keys.partner_seeds)))

        with pytest.raises(TransactionRefused, match=reason):
            await offline.pay(wallet, **({"amount": "1"} | changed))
