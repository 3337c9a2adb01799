"""Friendbot: 10,000 lumens for any account that does not exist yet."""

import base64
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from stellar_sdk import Account, StrKey, TransactionBuilder

from roadstead.sandbox.network.ledger.transaction import Transaction, decode
from roadstead.sandbox.network.network import Network, friendbot_keypair, root_keypair

from .answers import refuse_stream
from .face import Face
from .problems import Problem, bad_request, refused_by_friendbot
from .submission_routes import SubmissionRoutes, limited_body

STARTING_BALANCE = "10000"
_FUND = 100_000_000_000_000_000
_FEE = 100_000
_MINIMUM_LENGTH = 5
_ED25519_VERSION = 6 << 3


def checked_address(text: str) -> str:
    """The address, or the reason why it is none in the words of Horizon's decoder."""
    if len(text) < _MINIMUM_LENGTH:
        reason = f"strkey is {len(text)} bytes long; minimum valid length is {_MINIMUM_LENGTH}"
        raise bad_request("addr", reason)
    if StrKey.is_valid_ed25519_public_key(text):
        return text
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise bad_request("addr", "base32 decode failed: illegal base32 data") from None
    if raw[:1] != bytes([_ED25519_VERSION]):
        raise bad_request("addr", "invalid version byte")
    raise bad_request("addr", "invalid checksum")


@dataclass(frozen=True, slots=True)
class FriendbotRoutes:
    """The endpoints that give lumens away."""

    face: Face
    submissions: SubmissionRoutes

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [Route("/friendbot", self.give, methods=["GET", "POST"])]

    async def give(self, request: Request) -> Response:
        """Create the account that is asked for; answers with the transaction."""
        refuse_stream(request)
        text = request.query_params.get("addr", "")
        if request.method == "POST" and not text:
            body = await limited_body(request)
            text = parse_qs(body.decode("utf-8", "replace")).get("addr", [""])[0]
        wanted = checked_address(text)
        self._fund()
        submission = self.face.network.submit(self._transaction(wanted))
        try:
            return await self.submissions.settled(request, submission)
        except Problem as problem:
            raise _retold(problem) from problem

    def _fund(self) -> None:
        """Give friendbot its own lumens, once: from the root account, in a ledger of its own."""
        network = self.face.network
        bot = friendbot_keypair(network.terms.passphrase)
        if network.view().peek_account(bot.raw_public_key()) is not None:
            return
        root = root_keypair(network.terms.passphrase)
        source = network.view().peek_account(root.raw_public_key())
        if source is None:
            return
        builder = TransactionBuilder(
            Account(root.public_key, source.sequence),
            network.terms.passphrase,
            network.terms.base_fee,
        )
        builder.append_create_account_op(bot.public_key, str(_FUND // 10_000_000))
        envelope = builder.add_time_bounds(0, 0).build()
        envelope.sign(root)
        network.submit(decode(envelope.to_xdr_object().to_xdr_bytes(), network.network_id))
        network.close()

    def _transaction(self, wanted: str) -> Transaction:
        network = self.face.network
        bot = friendbot_keypair(network.terms.passphrase)
        builder = TransactionBuilder(
            Account(bot.public_key, _sequence(network, bot.raw_public_key())),
            network.terms.passphrase,
            _FEE,
        )
        builder.append_create_account_op(wanted, STARTING_BALANCE)
        envelope = builder.add_time_bounds(0, 0).build()
        envelope.sign(bot)
        return decode(envelope.to_xdr_object().to_xdr_bytes(), network.network_id)


def _sequence(network: Network, account: bytes) -> int:
    waiting = network.pending.last_sequence(account)
    if waiting is not None:
        return waiting
    entry = network.view().peek_account(account)
    return 0 if entry is None else entry.sequence


def _retold(problem: Problem) -> Problem:
    extras = problem.body.get("extras", {})
    codes = extras.get("result_codes", {})
    if codes.get("operations") == ["op_already_exists"]:
        return refused_by_friendbot(f"createAccountAlreadyExist ({extras['result_xdr']})")
    return problem
