"""Submitting transactions: waiting for the ledger, or not."""

import base64
import binascii
import time
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadstead.sandbox.network.ledger.transaction import MalformedEnvelope, Transaction, decode
from roadstead.sandbox.network.network import Answer, Submission

from .answers import base_url, hal
from .face import Face, wait_for
from .problems import (
    Problem,
    failed_transaction,
    malformed_transaction,
    packed_verdict,
    refused_transaction,
    timeout,
    too_large,
    unsupported_media_type,
)
from .resources import transaction_resource

BODY_BYTES_MAX = 1024 * 1024
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


async def limited_body(request: Request) -> bytes:
    """The body, refused when it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise too_large(BODY_BYTES_MAX)
        parts.append(part)
    return b"".join(parts)


async def form_value(request: Request, name: str) -> str:
    """A field of the form, or else of the query."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in {"", _FORM, _MULTIPART}:
        raise unsupported_media_type()
    body = await limited_body(request)
    if kind == _MULTIPART:
        found = _multipart_value(request.headers["content-type"], body, name)
    else:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
        found = fields.get(name, [""])[0]
    return found or request.query_params.get(name, "")


def _multipart_value(content_type: str, body: bytes, name: str) -> str:
    from email.parser import BytesParser  # noqa: PLC0415 - rare, and slow to import

    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in message.walk():
        if part.get_param("name", header="content-disposition") == name:
            content = part.get_payload(decode=True)
            return content.decode("utf-8", "replace").strip() if isinstance(content, bytes) else ""
    return ""


@dataclass(frozen=True, slots=True)
class SubmissionRoutes:
    """The endpoints that take transactions."""

    face: Face

    def routes(self) -> list[Route]:
        """Every path with its endpoint."""
        return [
            Route("/transactions", self.submit, methods=["POST"]),
            Route("/transactions_async", self.submit_async, methods=["POST"]),
        ]

    async def _transaction(self, request: Request) -> Transaction:
        text = await form_value(request, "tx")
        try:
            envelope = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
            if not envelope:
                raise malformed_transaction(text)
            return decode(envelope, self.face.network.network_id)
        except (MalformedEnvelope, binascii.Error, ValueError) as error:
            raise malformed_transaction(text) from error

    async def submit(self, request: Request) -> Response:
        """Submit and answer when the transaction is in a ledger; safe to repeat."""
        transaction = await self._transaction(request)
        submission = self.face.network.submit(transaction)
        if submission.answer is Answer.WAITING and self.face.faults.lose_answer():
            raise timeout()
        return await self.settled(request, submission)

    async def settled(self, request: Request, submission: Submission) -> Response:
        """Wait until a submission's transaction is in a ledger that history shows."""
        transaction = submission.transaction
        if submission.verdict is not None:
            raise refused_transaction(transaction, submission.verdict)
        deadline = time.monotonic() + self.face.submit_timeout_s
        ending = self.face.ending
        while True:
            news = self.face.news
            answer = self._stored(request, transaction)
            if answer is not None:
                return answer
            left = deadline - time.monotonic()
            if ending.is_set() or left <= 0 or not await wait_for(news, left):
                raise timeout()

    def _stored(self, request: Request, transaction: Transaction) -> Response | None:
        network = self.face.network
        record = network.history.by_hash(transaction.outer_hash)
        if record is None or record.ledger > self.face.visible_ledger:
            return None
        if not record.successful:
            raise failed_transaction(record, transaction)
        ledger = network.history.ledgers[record.ledger - 1]
        return hal(transaction_resource(record, ledger, base_url(request), transaction.outer_hash))

    async def submit_async(self, request: Request) -> Response:
        """Submit and answer at once with what the queue says."""
        text = ""
        try:
            transaction = await self._transaction(request)
        except Problem as problem:
            if problem.status == 400:  # noqa: PLR2004 - the malformed ones get one field more here
                text = str(problem.body["extras"]["envelope_xdr"])
                problem.body["extras"] = {
                    "envelope_xdr": text,
                    "error": "the envelope cannot be decoded",
                }
            raise
        submission = self.face.network.submit(transaction, durable=True)
        body: dict[str, str] = {"hash": transaction.outer_hash.hex()}
        match submission.answer:
            case Answer.WAITING:
                return hal({"tx_status": "PENDING", **body}, status=201)
            case Answer.DUPLICATE | Answer.KNOWN:
                return hal({"tx_status": "DUPLICATE", **body}, status=409)
            case Answer.TRY_AGAIN_LATER:
                return hal({"tx_status": "TRY_AGAIN_LATER", **body}, status=503)
            case Answer.REFUSED:
                if submission.verdict is not None:
                    result = packed_verdict(transaction, submission.verdict)
                    body["error_result_xdr"] = base64.b64encode(result).decode()
                return hal({"tx_status": "ERROR", **body}, status=400)
