"""The root, the fee statistics and the health of the server."""

from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.amounts import moment
from roadstead.sandbox.network.network import HISTORY_STARTS_AT

from .answers import CACHE, base_url, hal, refuse_stream
from .face import Face
from .resources import Resource, link

PROTOCOL = 19
_FEE_LEDGERS = 5
_PERCENTILES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
_ASSET_PAIR = (
    "?base_asset_type={base_asset_type}&base_asset_code={base_asset_code}"
    "&base_asset_issuer={base_asset_issuer}&counter_asset_type={counter_asset_type}"
    "&counter_asset_code={counter_asset_code}&counter_asset_issuer={counter_asset_issuer}"
)
_TEMPLATES = {
    "account": "/accounts/{account_id}",
    "accounts": "/accounts{?signer,sponsor,asset,liquidity_pool,cursor,limit,order}",
    "account_transactions": "/accounts/{account_id}/transactions{?cursor,limit,order}",
    "claimable_balances": "/claimable_balances{?asset,sponsor,claimant,cursor,limit,order}",
    "assets": "/assets{?asset_code,asset_issuer,cursor,limit,order}",
    "effects": "/effects{?cursor,limit,order}",
    "fee_stats": "/fee_stats",
    "friendbot": "/friendbot{?addr}",
    "ledger": "/ledger/{sequence}",
    "ledgers": "/ledgers{?cursor,limit,order}",
    "liquidity_pools": "/liquidity_pools{?reserves,account,cursor,limit,order}",
    "offer": "/offers/{offer_id}",
    "offers": "/offers{?selling,buying,seller,sponsor,cursor,limit,order}",
    "operation": "/operations/{id}",
    "operations": "/operations{?cursor,limit,order,include_failed}",
    "order_book": (
        "/order_book{?selling_asset_type,selling_asset_code,selling_asset_issuer,"
        "buying_asset_type,buying_asset_code,buying_asset_issuer,limit}"
    ),
    "payments": "/payments{?cursor,limit,order,include_failed}",
    "self": "/",
    "strict_receive_paths": (
        "/paths/strict-receive{?source_assets,source_account,destination_account,"
        "destination_asset_type,destination_asset_issuer,destination_asset_code,"
        "destination_amount}"
    ),
    "strict_send_paths": (
        "/paths/strict-send{?destination_account,destination_assets,source_asset_type,"
        "source_asset_issuer,source_asset_code,source_amount}"
    ),
    "trade_aggregations": "/trade_aggregations" + _ASSET_PAIR,
    "trades": "/trades" + _ASSET_PAIR,
    "transaction": "/transactions/{hash}",
    "transactions": "/transactions{?cursor,limit,order}",
}


def _distribution(values: list[int], fallback: int) -> dict[str, str]:
    ordered = sorted(values) or [fallback]
    counts = Counter(ordered)
    most = max(counts.values())
    found = {
        "max": ordered[-1],
        "min": ordered[0],
        "mode": min(value for value, count in counts.items() if count == most),
    }
    for percentile in _PERCENTILES:
        place = -(-len(ordered) * percentile // 100) - 1
        found[f"p{percentile}"] = ordered[max(0, place)]
    return {name: str(value) for name, value in found.items()}


def _usage(used: int, capacity: int) -> str:
    share = round(used * 100 / capacity) if capacity else 0
    whole, rest = divmod(share, 100)
    return str(whole) if not rest else f"{whole}.{rest:02d}".rstrip("0")


@dataclass(frozen=True, slots=True)
class RootRoutes:
    """The endpoints about the server itself."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/fee_stats", self.fee_stats),
            Route("/health", self.health),
        ]

    async def root(self, request: Request) -> Response:
        """What this server is and where everything lies."""
        refuse_stream(request)
        base = base_url(request)
        network = self.face.network
        latest = network.header.sequence
        visible = self.face.visible_ledger
        record = network.history.ledgers[visible - 1]
        links: Resource = {
            name: link(base + path, templated="{" in path) for name, path in _TEMPLATES.items()
        }
        return hal(
            {
                "_links": links,
                "horizon_version": "2.18.1-roadstead",
                "core_version": "v19.0.1-roadstead",
                "ingest_latest_ledger": visible,
                "history_latest_ledger": visible,
                "history_latest_ledger_closed_at": moment(record.close_time),
                "history_elder_ledger": HISTORY_STARTS_AT,
                "core_latest_ledger": latest,
                "network_passphrase": network.terms.passphrase,
                "current_protocol_version": PROTOCOL,
                "supported_protocol_version": PROTOCOL,
                "core_supported_protocol_version": PROTOCOL,
            }
        )

    async def fee_stats(self, request: Request) -> Response:
        """What fees were offered and charged in the last five ledgers."""
        refuse_stream(request)
        recent = self.face.network.history.ledgers[-_FEE_LEDGERS:]
        latest = recent[-1]
        used = sum(record.set_operations for record in recent)
        capacity = sum(record.size_max for record in recent)
        return hal(
            {
                "last_ledger": str(latest.sequence),
                "last_ledger_base_fee": str(latest.base_fee),
                "ledger_capacity_usage": _usage(used, capacity),
                "fee_charged": _distribution(
                    [fee for record in recent for fee in record.fees_charged], latest.base_fee
                ),
                "max_fee": _distribution(
                    [fee for record in recent for fee in record.fees_offered], latest.base_fee
                ),
            }
        )

    async def health(self, _request: Request) -> Response:
        """Whether the server works: always, as long as it answers."""
        return Response(
            b'{"database_connected":true,"core_up":true,"core_synced":true}\n',
            headers={"Cache-Control": CACHE},
            media_type="text/plain; charset=utf-8",
        )
