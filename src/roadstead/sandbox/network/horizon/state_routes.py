"""Lists of accounts, offers, assets and claimable balances, as they are now."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.history.details import signer_text
from roadstead.sandbox.network.ledger.assets import account_of, address
from roadstead.sandbox.network.ledger.state import Account, ClaimableBalance, LineKey, Offer

from .answers import base_url, hal, refuse_stream, wants_stream
from .asset_parameters import CODE, asset_filter, offer_asset
from .asset_resources import asset_rows
from .face import Face
from .paging import parse_number_cursor
from .parameters import account_parameter, balance_parameter
from .problems import Problem, bad_request, invalid_accounts, not_found
from .serving import serve_list
from .state_resources import (
    account_resource,
    balance_resource,
    balance_token,
    offer_resource,
)
from .state_sources import Row, SortKey, StateList

_ID = re.compile(r"[0-9]{1,19}\Z")
_BALANCE_CURSOR = re.compile(r"([0-9]{1,10})-(0{8}[0-9a-f]{64})\Z")
_INT64_MAX = 2**63 - 1


def _account_cursor(text: str) -> SortKey | None:
    return (text,) if text else None


def _offer_cursor(text: str) -> SortKey | None:
    number = parse_number_cursor(text)
    return None if number is None else (number,)


def _balance_cursor(text: str) -> SortKey | None:
    if not text:
        return None
    match = _BALANCE_CURSOR.match(text)
    if match is None:
        reason = (
            "The first part should be a number higher than 0 and the second part should be a "
            "valid claimable balance ID"
        )
        raise bad_request("cursor", reason)
    return (int(match[1]), match[2])


def _asset_cursor(text: str) -> SortKey | None:
    if not text:
        return None
    parts = text.split("_", 2)
    if len(parts) != 3:  # noqa: PLR2004 - code, issuer, kind
        raise bad_request("cursor", "the cursor is not a valid paging_token")
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class StateRoutes:
    """The endpoints that list what is in the ledger now."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/accounts", self.accounts),
            Route("/accounts/{account_id}/offers", self.account_offers),
            Route("/offers", self.offers),
            Route("/offers/{offer_id}", self.offer),
            Route("/assets", self.assets),
            Route("/claimable_balances", self.balances),
            Route("/claimable_balances/{balance_id}", self.balance),
            Route("/liquidity_pools", self.pools),
            Route("/liquidity_pools/{pool_id}", self.pool),
        ]

    @property
    def _latest(self) -> int:
        return self.face.network.header.sequence

    def _missing(self) -> Problem:
        problem = not_found()
        problem.headers["Latest-Ledger"] = str(self._latest)
        return problem

    def _listed(self, request: Request, source: StateList, *, streamed: bool = False) -> Response:
        return serve_list(
            request,
            self.face,
            source,
            numbered=False,
            streamed=streamed,
            latest_ledger=self._latest,
        )

    async def accounts(self, request: Request) -> Response:
        """Accounts by signer, by asset held, or by sponsor."""
        refuse_stream(request)
        params = request.query_params
        given = [name for name in ("signer", "asset", "sponsor") if params.get(name)]
        if len(given) != 1:
            raise invalid_accounts()
        name, value = given[0], params[given[0]]
        found = {
            "signer": self._by_signer,
            "asset": self._by_asset,
            "sponsor": self._by_sponsor,
        }[name](value)
        network, base = self.face.network, base_url(request)
        rows = [
            Row(
                (address(one.account),),
                address(one.account),
                lambda one=one: account_resource(network.store, network.history, one, base),  # type: ignore[misc]
            )
            for one in found
        ]
        return self._listed(request, StateList(rows=lambda: rows, parse=_account_cursor))

    def _all_accounts(self) -> Iterable[Account]:
        return [one for one in self.face.network.store.entries.values() if isinstance(one, Account)]

    def _by_signer(self, text: str) -> list[Account]:
        account_parameter(text, "signer")
        return [
            one
            for one in self._all_accounts()
            if (one.thresholds[0] and address(one.account) == text)
            or any(signer_text(signer.key) == text for signer in one.signers)
        ]

    def _by_asset(self, text: str) -> list[Account]:
        asset = asset_filter(text, "asset")
        if asset.is_native:
            raise bad_request("asset", "you can't filter by asset: native")
        entries = self.face.network.store.entries
        return [one for one in self._all_accounts() if LineKey(one.account, asset) in entries]

    def _by_sponsor(self, text: str) -> list[Account]:
        sponsor = account_parameter(text, "sponsor")
        store = self.face.network.store

        def sponsored(one: Account) -> bool:
            owned = [
                one.sponsor,
                *(signer.sponsor for signer in one.signers),
                *(line.sponsor for line in store.lines_by_account.get(one.account, {}).values()),
                *(data.sponsor for data in store.data_by_account.get(one.account, {}).values()),
            ]
            return sponsor in owned

        return [one for one in self._all_accounts() if sponsored(one)]

    async def offers(self, request: Request) -> Response:
        """Offers, perhaps of one seller, sponsor or pair of assets."""
        params = request.query_params
        seller = self._party(params.get("seller", ""), "seller")
        sponsor = self._party(params.get("sponsor", ""), "sponsor")
        selling, buying = offer_asset(params, "selling"), offer_asset(params, "buying")

        def wanted(offer: Offer) -> bool:
            return (
                (seller is None or offer.seller == seller)
                and (sponsor is None or offer.sponsor == sponsor)
                and (selling is None or offer.selling == selling)
                and (buying is None or offer.buying == buying)
            )

        def rows() -> list[Row]:
            offers = self.face.network.store.offers.values()
            return [self._offer_row(offer, request) for offer in offers if wanted(offer)]

        return self._listed(request, StateList(rows=rows, parse=_offer_cursor))

    @staticmethod
    def _party(text: str, field: str) -> bytes | None:
        return account_parameter(text, field) if text else None

    def _offer_row(self, offer: Offer, request: Request) -> Row:
        base, history = base_url(request), self.face.network.history
        return Row(
            (offer.offer_id,),
            str(offer.offer_id),
            lambda: offer_resource(history, offer, base),
        )

    async def account_offers(self, request: Request) -> Response:
        """The offers of one account; none for an account that is not there."""
        wants_stream(request)
        seller = account_parameter(request.path_params["account_id"])

        def rows() -> list[Row]:
            offers = self.face.network.store.offers_by_seller.get(seller, {}).values()
            return [self._offer_row(offer, request) for offer in offers]

        source = StateList(rows=rows, parse=_offer_cursor)
        return self._listed(request, source, streamed=True)

    async def offer(self, request: Request) -> Response:
        """One offer."""
        refuse_stream(request)
        text = request.path_params["offer_id"]
        if not _ID.match(text) or not 0 < int(text) <= _INT64_MAX:
            raise bad_request("offer_id", "Offer ID must be an integer higher than 0")
        offer = self.face.network.store.offers.get(int(text))
        if offer is None:
            raise self._missing()
        body = offer_resource(self.face.network.history, offer, base_url(request))
        return hal(body, latest_ledger=self._latest)

    async def assets(self, request: Request) -> Response:
        """The assets that somebody holds."""
        refuse_stream(request)
        code = request.query_params.get("asset_code", "")
        issuer = request.query_params.get("asset_issuer", "")
        if code and not CODE.match(code):
            raise bad_request("asset_code", f"{code} is not a valid asset code")
        if issuer:
            try:
                account_parameter(issuer)
            except Problem:
                reason = f"{issuer} is not a valid asset issuer"
                raise bad_request("asset_issuer", reason) from None
        rows = asset_rows(self.face.network.store, code=code, issuer=account_of(issuer) if issuer else None)
        return self._listed(request, StateList(rows=lambda: rows, parse=_asset_cursor))

    async def balances(self, request: Request) -> Response:
        """Claimable balances, perhaps of one asset, claimant or sponsor."""
        refuse_stream(request)
        params = request.query_params
        claimant = self._party(params.get("claimant", ""), "claimant")
        sponsor = self._party(params.get("sponsor", ""), "sponsor")
        asset = asset_filter(params["asset"], "asset") if params.get("asset") else None

        def wanted(entry: ClaimableBalance) -> bool:
            return (
                (asset is None or entry.asset == asset)
                and (sponsor is None or entry.sponsor == sponsor)
                and (claimant is None or any(one.account == claimant for one in entry.claimants))
            )

        def rows() -> list[Row]:
            found = self.face.network.store.balances.values()
            return [self._balance_row(entry, request) for entry in found if wanted(entry)]

        return self._listed(request, StateList(rows=rows, parse=_balance_cursor))

    def _balance_row(self, entry: ClaimableBalance, request: Request) -> Row:
        base, history = base_url(request), self.face.network.history
        return Row(
            (entry.modified, "00000000" + entry.balance_id.hex()),
            balance_token(entry),
            lambda: balance_resource(history, entry, base),
        )

    async def balance(self, request: Request) -> Response:
        """One claimable balance."""
        refuse_stream(request)
        balance_id = balance_parameter(request.path_params["balance_id"])
        entry = self.face.network.store.balances.get(balance_id)
        if entry is None:
            raise self._missing()
        body = balance_resource(self.face.network.history, entry, base_url(request))
        return hal(body, latest_ledger=self._latest)

    async def pools(self, request: Request) -> Response:
        """Liquidity pools: this network has none."""
        refuse_stream(request)
        return self._listed(request, StateList(rows=list, parse=_account_cursor))

    async def pool(self, _request: Request) -> Response:
        """One liquidity pool: there is none."""
        raise self._missing()
