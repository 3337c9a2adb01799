"""What is known of each asset: who holds it, how much, and with which authority."""

from dataclasses import dataclass, field

from roadstead.sandbox.network.history.amounts import amount
from roadstead.sandbox.network.ledger.assets import Asset, address
from roadstead.sandbox.network.ledger.overlay import Store
from roadstead.sandbox.network.ledger.state import (
    LINE_AUTHORIZED,
    LINE_MAINTAIN,
    Account,
    AccountKey,
    TrustLine,
)

from .resources import Resource, link
from .state_resources import flag_resource
from .state_sources import Row

_LEVELS = ("authorized", "authorized_to_maintain_liabilities", "unauthorized")


@dataclass(slots=True)
class _Sums:
    accounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LEVELS, 0))
    units: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LEVELS, 0))
    balances: int = 0
    balance_units: int = 0

    def add_line(self, line: TrustLine) -> None:
        level = (
            _LEVELS[0]
            if line.flags & LINE_AUTHORIZED
            else _LEVELS[1]
            if line.flags & LINE_MAINTAIN
            else _LEVELS[2]
        )
        self.accounts[level] += 1
        self.units[level] += line.balance


def _sums(store: Store) -> dict[Asset, _Sums]:
    found: dict[Asset, _Sums] = {}
    for lines in store.lines_by_account.values():
        for line in lines.values():
            found.setdefault(line.asset, _Sums()).add_line(line)
    for entry in store.balances.values():
        if not entry.asset.is_native:
            sums = found.setdefault(entry.asset, _Sums())
            sums.balances += 1
            sums.balance_units += entry.amount
    return found


def _resource(store: Store, asset: Asset, sums: _Sums, token: str) -> Resource:
    issuer = store.get(AccountKey(asset.issuer))
    flags, domain = 0, b""
    if isinstance(issuer, Account):
        flags, domain = issuer.flags, issuer.home_domain
    toml = f"https://{domain.decode('utf-8', 'replace')}/.well-known/stellar.toml"
    return {
        "_links": {"toml": link(toml if domain else "")},
        "asset_type": asset.kind,
        "asset_code": asset.name,
        "asset_issuer": address(asset.issuer),
        "paging_token": token,
        "num_accounts": sums.accounts["authorized"],
        "num_claimable_balances": sums.balances,
        "num_liquidity_pools": 0,
        "amount": amount(sums.units["authorized"]),
        "accounts": sums.accounts,
        "claimable_balances_amount": amount(sums.balance_units),
        "liquidity_pools_amount": amount(0),
        "balances": {level: amount(units) for level, units in sums.units.items()},
        "flags": flag_resource(flags),
    }


def asset_rows(store: Store, *, code: str, issuer: bytes | None) -> list[Row]:
    """The assets that fit the filters."""
    rows: list[Row] = []
    for asset, sums in _sums(store).items():
        if (code and asset.name != code) or (issuer is not None and asset.issuer != issuer):
            continue
        key = (asset.name, address(asset.issuer), asset.kind)
        body = _resource(store, asset, sums, "_".join(key))
        rows.append(Row(key, "_".join(key), lambda body=body: body))  # type: ignore[misc]
    return rows
