"""The written forms Horizon uses for amounts, prices and times."""

from datetime import UTC, datetime

from roadstead.sandbox.network.ledger.assets import Asset, address

UNITS = 10_000_000


def amount(stroops: int) -> str:
    """Seven decimals, always."""
    sign = "-" if stroops < 0 else ""
    whole, rest = divmod(abs(stroops), UNITS)
    return f"{sign}{whole}.{rest:07d}"


def price(n: int, d: int) -> str:
    """A price with seven decimals, rounded half away from zero."""
    if d == 0:
        return "0.0000000"
    return amount((2 * n * UNITS + d) // (2 * d))


def moment(seconds: int) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def asset_fields(asset: Asset, prefix: str = "") -> dict[str, str]:
    """`asset_type`, and code and issuer where there are any, under a prefix."""
    fields = {f"{prefix}asset_type": asset.kind}
    if not asset.is_native:
        fields[f"{prefix}asset_code"] = asset.name
        fields[f"{prefix}asset_issuer"] = address(asset.issuer)
    return fields
