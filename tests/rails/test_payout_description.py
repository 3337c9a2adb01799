"""The published description of the payout API, put to the test against the simulated bank's signed door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.rails.conftest import attempt
from tests.rails.signed import OUR_KEY, rail_to, signed_bank, signer
from tests.sandbox.bank.bank_process import BankProcess, until

from roadstead.rails.message_signatures import Request
from roadstead.rails.payout_description import description, written

FILE = Path(__file__).resolve().parents[2] / "docs" / "integrating" / "payout-api.json"
OPERATIONS = [(path, method) for path, methods in description()["paths"].items() for method in methods]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 15


class Signed(AuthBase):
    """Signs what goes out."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes)
        named = {
            name: value if isinstance(value, str) else value.decode("latin-1")
            for name, value in request.headers.items()
            if name.lower() in {"content-type", "idempotency-key"}
        }
        signed = signer(OUR_KEY).signed(
            Request(method=request.method or "", url=request.url or "", headers=named, body=content)
        )
        request.headers.update(signed.headers)
        return request


@pytest.fixture
async def busy_bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    """A bank with something to tell on every path."""
    async with signed_bank(tmp_path / "bank") as bank:
        rail = rail_to(bank)
        await rail.submit(attempt(1))
        await until(bank.has_executed)
        await bank.call("POST", "/clock/advance", {"days": 1})
        await rail.close()
        yield bank


def test_the_file_is_what_the_code_says() -> None:
    assert FILE.read_text() == written(), "Run `make docs`."


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_every_answer_of_the_signed_door_is_one_that_was_described(
    busy_bank: BankProcess, path: str, method: str, mode: GenerationMode
) -> None:
    operation = schemathesis.openapi.from_dict(description())[path][method]
    if mode is GenerationMode.NEGATIVE and path == "/balances":
        return

    def ask() -> None:
        with requests.Session() as session:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def answers(case: schemathesis.Case[Any]) -> None:
                url = f"{busy_bank.url}/payout-api"
                response = case.call(base_url=url, session=session, auth=Signed(), timeout=20)
                assert "signature" in {name.lower() for name in response.headers}
                case.validate_response(response, checks=CHECKS)

            answers()

    await asyncio.to_thread(ask)


async def test_a_full_answer_on_every_path_is_of_the_schema(busy_bank: BankProcess) -> None:
    schema = schemathesis.openapi.from_dict(description())

    def ask(path: str, **parameters: str) -> int:
        case = schema[path]["GET"].Case(path_parameters=parameters)
        response = case.call(base_url=f"{busy_bank.url}/payout-api", auth=Signed(), timeout=20)
        case.validate_response(response, checks=CHECKS)
        return len(response.content)

    for path in ("/events", "/balances", "/statements"):
        assert await asyncio.to_thread(ask, path) > len('{"statements":[],"cursor":null}')
    assert await asyncio.to_thread(ask, "/payouts/{key}", key=attempt(1).key) > 0
