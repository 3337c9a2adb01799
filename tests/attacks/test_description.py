"""The published description put to the test: what it allows, and much that it does not, sent to every endpoint."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.fixtures.authentication import FakeAccounts, configured, services_on, serving
from tests.fixtures.house import PARTNER, house_on

from roadstead.partners.principal import Principal
from roadstead.partners.tokens import TokenBook
from roadstead.sep.application import build_application
from roadstead.sep.openapi import openapi_document
from roadstead.sep.table import route_table

ROUTES = {f"{route.method} {route.path}": route for route in route_table(configured())}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 15
TIMEOUT_S = 20
DESCRIPTION = json.loads(json.dumps(openapi_document(list(ROUTES.values()), configured())))


@dataclass(slots=True)
class Served:
    """A server in a thread of its own, so that a test may wait for it."""

    url: str
    token: str


@pytest.fixture
def served(database_url: str) -> Iterator[Served]:
    ready: list[Served] = []
    started, stop = threading.Event(), threading.Event()

    async def run() -> None:
        async with house_on(database_url) as house:
            services = services_on(house.database, FakeAccounts(), house.clock, house.configuration)
            tokens = services.tokens
            assert isinstance(tokens, TokenBook)
            token = tokens.issue(Principal(account=PARTNER), b"2" * 32, house.clock.now())
            async with serving(build_application(route_table(house.configuration), services)) as url:
                ready.append(Served(url=url, token=token))
                started.set()
                await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert started.wait(TIMEOUT_S)
        yield ready[0]
    finally:
        stop.set()
        thread.join(TIMEOUT_S)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("holds", [True, False], ids=["with a token", "without one"])
@pytest.mark.parametrize("name", ROUTES)
def test_every_answer_is_one_that_was_described(
    served: Served,
    name: str,
    holds: bool,  # noqa: FBT001 - a parameter of the test
    mode: GenerationMode,
) -> None:
    route = ROUTES[name]
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[route.path][route.method]
    if mode is GenerationMode.NEGATIVE and not (route.parameters or route.body):
        return
    headers = {"Authorization": f"Bearer {served.token}"} if holds else {}

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
            case.headers.pop("Authorization", None)
            response = case.call(
                base_url=served.url,
                session=session,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            case.validate_response(response, checks=CHECKS)

        answers()
