"""The client that calls strangers: real sockets, hostile names and hostile answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.fixtures.certificates import certificate_for
from tests.fixtures.receiver import FOREVER_S, Reply, endless, hang_up, raw, receiving, silence, status

from roadstead.callbacks.http_client import (
    ANSWER_BYTES_MAX,
    CONNECTIONS_PER_HOST_MAX,
    LOOKUPS_MAX,
    NoAnswer,
    NoAnswerReason,
    SafeClient,
    SystemLookup,
)
from roadstead.callbacks.targets import TargetRefused

NAME = "sender.example"
ALLOWED = "127.0.0.1"
FORBIDDEN = "127.0.0.2"


def only_the_first_loopback(address: str) -> str | None:
    """A rule under which one address of this machine stands for the internet and another for our own network."""
    return None if address == ALLOWED else "it is forbidden"


@dataclass(slots=True)
class ScriptedLookup:
    """Names whose addresses change from one question to the next; the last answer stays."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)
    pause_s: float = 0.0

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.sleep(self.pause_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return answer


@asynccontextmanager
async def client_with(
    *answers: Sequence[str], timeout_s: float = 5.0, pause_s: float = 0.0
) -> AsyncIterator[tuple[SafeClient, ScriptedLookup]]:
    lookup = ScriptedLookup(list(answers), pause_s=pause_s)
    client = SafeClient(
        private_allowed=True, lookup=lookup, address_rule=only_the_first_loopback, timeout_s=timeout_s
    )
    yield client, lookup
    await client.close()


@pytest.fixture
async def client() -> AsyncIterator[SafeClient]:
    opened = SafeClient(private_allowed=True, timeout_s=5.0)
    yield opened
    await opened.close()


class TestNames:
    async def test_a_name_is_resolved_once_and_its_address_called(self) -> None:
        async with receiving(ALLOWED, name=NAME) as receiver, client_with([ALLOWED]) as (client, lookup):
            answer = await client.post(client.parse(receiver.url), b"{}", {})
        assert answer.status == 204
        assert lookup.asked == [NAME]
        assert receiver.heard[0].headers["host"] == f"{NAME}:{receiver.port}"

    async def test_a_name_that_changes_its_address_after_the_check_leads_nowhere_else(self) -> None:
        async with (
            receiving(ALLOWED, name=NAME) as receiver,
            client_with([ALLOWED], [FORBIDDEN]) as (client, lookup),
        ):
            target = client.parse(receiver.url)
            assert (await client.post(target, b"{}", {})).status == 204
            assert lookup.asked == [NAME]
            with pytest.raises(TargetRefused, match="forbidden"):
                await client.post(target, b"{}", {})
        assert lookup.asked == [NAME, NAME]
        assert receiver.connections == 1

    @pytest.mark.parametrize(
        "addresses",
        [
            [FORBIDDEN],
            [ALLOWED, FORBIDDEN],
            [FORBIDDEN, ALLOWED],
            [ALLOWED] * 50 + [FORBIDDEN],
            [ALLOWED, "::ffff:127.0.0.1"],
            [ALLOWED, "fe80::1%lo"],
            ["169.254.169.254"],
            ["not an address"],
        ],
    )
    async def test_one_bad_address_among_good_ones_refuses_all(self, addresses: list[str]) -> None:
        async with receiving(ALLOWED, name=NAME) as receiver, client_with(addresses) as (client, _):
            with pytest.raises(TargetRefused):
                await client.post(client.parse(receiver.url), b"{}", {})
        assert receiver.connections == 0

    @pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "169.254.169.254"])
    async def test_an_address_in_the_place_of_a_name_is_checked_too(self, address: str) -> None:
        async with client_with([ALLOWED]) as (client, lookup):
            with pytest.raises(TargetRefused):
                client.parse(f"http://{address}/")
            with pytest.raises(TargetRefused):
                await client.fetch_text(f"http://{address}/", 100)
        assert lookup.asked == []

    async def test_even_if_a_check_were_forgotten_the_socket_is_not_opened(self) -> None:
        checks = iter([None, None])

        def forgetful(address: str) -> str | None:
            return next(checks, "it is forbidden")

        lookup = ScriptedLookup([[ALLOWED]])
        client = SafeClient(private_allowed=True, lookup=lookup, address_rule=forgetful)
        async with receiving(ALLOWED) as receiver:
            target = client.parse(receiver.url)
            with pytest.raises(NoAnswer):
                await client.post(target, b"{}", {})
        await client.close()
        assert receiver.connections == 0

    @pytest.mark.parametrize("url", ["https://localhost/", "https://127.0.0.1/", "https://[::1]/"])
    async def test_where_money_is_real_this_machine_is_refused_by_any_name(self, url: str) -> None:
        client = SafeClient(private_allowed=False)
        with pytest.raises(TargetRefused, match="loopback"):
            await client.fetch_text(url, 100)
        await client.close()

    async def test_a_name_without_an_address_is_no_answer(self) -> None:
        async with client_with([]) as (client, _):
            with pytest.raises(NoAnswer) as failure:
                await client.post(client.parse(f"http://{NAME}/"), b"{}", {})
        assert failure.value.reason is NoAnswerReason.NAME

    async def test_a_slow_name_server_counts_against_the_deadline(self) -> None:
        async with client_with([ALLOWED], timeout_s=0.1, pause_s=FOREVER_S) as (client, _):
            with pytest.raises(NoAnswer) as failure:
                await client.post(client.parse(f"http://{NAME}/"), b"{}", {})
        assert failure.value.reason is NoAnswerReason.TIMEOUT

    async def test_the_systems_resolver_knows_this_machine(self) -> None:
        lookup = SystemLookup()
        found = await lookup.addresses("localhost", 443)
        assert found
        assert all(ip_address(address).is_loopback for address in found)


class TestTheResolversThreads:
    async def test_questions_that_hang_hold_up_only_the_names_behind_them(self) -> None:
        answered = threading.Event()
        asked: list[str] = []

        def slow(host: str, port: int) -> list[str]:
            asked.append(host)
            answered.wait(FOREVER_S)
            return [ALLOWED]

        lookup = SystemLookup(slow)
        questions = [asyncio.create_task(lookup.addresses(f"{number}.example", 443)) for number in range(20)]
        await asyncio.wait(questions, timeout=0.2)
        assert len(asked) == LOOKUPS_MAX
        for question in questions[:LOOKUPS_MAX]:
            question.cancel()
        await asyncio.wait(questions, timeout=0.2)
        assert len(asked) == LOOKUPS_MAX, "who went away left its question behind"
        answered.set()
        assert await asyncio.gather(*questions[LOOKUPS_MAX:]) == [[ALLOWED]] * (20 - LOOKUPS_MAX)

    async def test_a_name_that_is_not_known_says_so(self) -> None:
        def unknown(host: str, port: int) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        lookup = SystemLookup(unknown)
        for _ in range(LOOKUPS_MAX + 1):
            with pytest.raises(OSError, match="no such name"):
                await lookup.addresses("nowhere.example", 443)

    def test_a_name_server_that_is_silent_does_not_hold_up_the_end(self) -> None:
        program = (
            "import asyncio, time\n"
            "from roadstead.callbacks.http_client import SystemLookup\n"
            "async def main():\n"
            "    lookup = SystemLookup(lambda host, port: time.sleep(60) or [])\n"
            "    await asyncio.wait_for(lookup.addresses('x', 1), 0.1)\n"
            "try:\n"
            "    asyncio.run(main())\n"
            "except TimeoutError:\n"
            "    print('ended')\n"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=True)
        assert ended.stdout == b"ended\n"


def broken(*replies: tuple[str, Reply]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "reply", [reply for _, reply in replies], ids=[name for name, _ in replies]
    )


HEAD = b"HTTP/1.1 200 OK\r\n"


class TestHostileAnswers:
    @broken(
        ("nothing at all", silence),
        ("an endless status line", endless(b"HTTP/1.1 200 ", b"O" * 1000)),
        ("endless headers", endless(HEAD, b"X-Header: 1\r\n")),
        ("one endless header", endless(HEAD + b"X-Header: ", b"1" * 1000)),
        ("a head drop by drop", endless(HEAD, b"X: 1\r\n", pause_s=0.05)),
        ("endless early answers", endless(b"", b"HTTP/1.1 103 Early\r\n\r\n")),
        ("no HTTP", raw(b"SSH-2.0-OpenSSH_9.6\r\n")),
        ("a hang-up", hang_up),
        ("two lengths", raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
    )
    async def test_what_is_no_answer_ends_by_itself(self, reply: Reply) -> None:
        client = SafeClient(private_allowed=True, timeout_s=0.5)
        async with receiving() as receiver:
            receiver.always = reply
            async with asyncio.timeout(20.0):
                with pytest.raises(NoAnswer):
                    await client.post(client.parse(receiver.url), b"{}", {})
        await client.close()

    @broken(
        ("a huge body", status(200, b"x" * 5_000_000)),
        ("a body without end", endless(HEAD + b"\r\n", b"x" * 10_000)),
        (
            "chunks without end",
            endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        ),
    )
    async def test_only_the_beginning_of_a_large_answer_is_read(
        self, client: SafeClient, reply: Reply
    ) -> None:
        async with receiving() as receiver:
            receiver.always = reply
            answer = await client.post(client.parse(receiver.url), b"{}", {})
        assert (answer.status, len(answer.content), answer.is_whole) == (200, ANSWER_BYTES_MAX, False)

    @broken(
        ("drop by drop", endless(HEAD + b"\r\n", b"x", pause_s=0.05)),
        ("a promise not kept", raw(HEAD + b"Content-Length: 100\r\n\r\nx")),
    )
    async def test_a_status_that_came_counts_even_if_the_rest_does_not(self, reply: Reply) -> None:
        client = SafeClient(private_allowed=True, timeout_s=0.5)
        async with receiving() as receiver:
            receiver.always = reply
            answer = await client.post(client.parse(receiver.url), b"{}", {})
        await client.close()
        assert (answer.status, answer.is_whole) == (200, False)

    async def test_a_bomb_is_not_unpacked(self, client: SafeClient) -> None:
        packed = gzip.compress(b"x" * 1_000_000)
        async with receiving() as receiver:
            receiver.always = status(200, packed, "Content-Encoding: gzip")
            answer = await client.post(client.parse(receiver.url), b"{}", {})
        assert answer.content == packed
        assert receiver.heard[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    async def test_redirects_are_answers_and_not_followed(self, client: SafeClient, code: int) -> None:
        async with receiving() as receiver, receiving() as elsewhere:
            receiver.always = status(code, b"", f"Location: {elsewhere.url}")
            assert (await client.post(client.parse(receiver.url), b"{}", {})).status == code
            with pytest.raises(NoAnswer, match=f"status {code}"):
                await client.fetch_text(receiver.url, 100)
        assert elsewhere.connections == 0

    async def test_no_cookie_is_kept(self, client: SafeClient) -> None:
        async with receiving() as receiver:
            receiver.always = status(200, b"", "Set-Cookie: a=b")
            for _ in range(2):
                await client.post(client.parse(receiver.url), b"{}", {})
        assert "cookie" not in receiver.heard[1].headers

    async def test_the_environments_proxy_is_not_used(
        self, client: SafeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with receiving() as receiver, receiving() as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://{proxy.authority}")
            await client.post(client.parse(receiver.url), b"{}", {})
        assert (receiver.connections, proxy.connections) == (1, 0)

    async def test_one_host_has_few_connections_at_once(self, client: SafeClient) -> None:
        async with receiving() as receiver:
            receiver.always = silence
            target = client.parse(receiver.url)
            calls = [asyncio.create_task(client.post(target, b"{}", {})) for _ in range(10)]
            await asyncio.wait(calls, timeout=0.5)
            connections = receiver.connections
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert connections == CONNECTIONS_PER_HOST_MAX


class TestFetchingTexts:
    async def test_a_text_within_its_limit_is_returned(self, client: SafeClient) -> None:
        async with receiving() as receiver:
            receiver.always = status(200, "é".encode())
            assert await client.fetch_text(receiver.url, 2) == "é"
        assert receiver.heard[0].method == "GET"

    @broken(
        ("too long", status(200, b"xyz")),
        ("not UTF-8", status(200, b"\xff")),
        ("not there", status(404)),
        ("another success", status(204)),
        ("cut off", raw(HEAD + b"Content-Length: 2\r\n\r\nx")),
    )
    async def test_anything_else_is_no_text(self, client: SafeClient, reply: Reply) -> None:
        async with receiving() as receiver:
            receiver.always = reply
            with pytest.raises(NoAnswer) as failure:
                await client.fetch_text(receiver.url, 2)
        assert failure.value.http_status == 503

    async def test_where_money_is_real_only_port_443_is_asked(self) -> None:
        client = SafeClient(private_allowed=False)
        with pytest.raises(TargetRefused, match="443"):
            await client.fetch_text("https://sender.example:22/", 100)
        await client.close()


class TestTls:
    async def test_the_certificate_is_checked_against_the_name_and_not_the_address(
        self, tmp_path: Path
    ) -> None:
        certificate = certificate_for(NAME, tmp_path)
        client = SafeClient(
            private_allowed=True, lookup=ScriptedLookup([[ALLOWED]]), tls=certificate.trusting
        )
        async with receiving(ALLOWED, name=NAME, tls=certificate.server) as receiver:
            answer = await client.post(client.parse(receiver.url), b"{}", {})
            other = receiver.url.replace(NAME, "other.example")
            with pytest.raises(NoAnswer) as failure:
                await client.post(client.parse(other), b"{}", {})
        await client.close()
        assert answer.status == 204
        assert failure.value.reason is NoAnswerReason.TLS
        assert len(receiver.heard) == 1

    async def test_a_certificate_that_nobody_trusts_is_refused(self, tmp_path: Path) -> None:
        certificate = certificate_for(NAME, tmp_path)
        async with (
            receiving(ALLOWED, name=NAME, tls=certificate.server) as receiver,
            client_with([ALLOWED]) as (client, _),
        ):
            with pytest.raises(NoAnswer) as failure:
                await client.post(client.parse(receiver.url), b"{}", {})
        assert failure.value.reason is NoAnswerReason.TLS
        assert receiver.heard == []
