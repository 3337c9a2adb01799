"""The bank is killed at the worst moment; what it acknowledged is there, once."""

import asyncio
import signal
from dataclasses import dataclass, field

import aiohttp
from tests.sandbox.bank.bank_process import BankProcess, instruction, until

from roadstead.sandbox.bank.journal import JOURNAL_NAME

CLIENTS = 8
PAYOUTS_PER_CLIENT = 400
KILL_AFTER = 150


async def executed_keys(bank: BankProcess, at_least: set[str]) -> list[str]:
    """The keys of all executed payouts, as soon as these are among them."""

    async def are_there() -> bool:
        return at_least <= {each["key"] for each in await bank.executed()}

    await until(are_there)
    return [each["key"] for each in await bank.executed()]


@dataclass(slots=True)
class Campaign:
    """Clients that submit at the same time, to a bank that is killed after a number of acknowledgements."""

    bank: BankProcess
    tried: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    async def run(self) -> None:
        kill_at = len(self.acknowledged) + KILL_AFTER
        await asyncio.gather(*(self._submit(client, kill_at) for client in range(CLIENTS)))

    async def _submit(self, client: int, kill_at: int) -> None:
        for number in range(PAYOUTS_PER_CLIENT):
            key = f"C{client}N{number}"
            self.tried.add(key)
            try:
                status, _ = await self.bank.call("PUT", f"/payouts/{key}", instruction(end_to_end_id=key))
            except aiohttp.ClientError:
                return
            assert status in {200, 201}
            if key not in self.acknowledged:
                self.acknowledged.add(key)
                if len(self.acknowledged) == kill_at:
                    self.bank.end(signal.SIGKILL)


class TestKilledWhileClientsSubmit:
    async def test_every_acknowledged_payout_is_there_once_and_a_repeat_pays_no_second_time(
        self, bank: BankProcess
    ) -> None:
        campaign = Campaign(bank)
        for _ in range(3):
            await campaign.run()
            bank.start()
        keys = await executed_keys(bank, campaign.acknowledged)
        assert len(keys) == len(set(keys))
        assert set(keys) <= campaign.tried
        for key in campaign.tried:
            status, _ = await bank.call("PUT", f"/payouts/{key}", instruction(end_to_end_id=key))
            assert status in {200, 201}
        keys = await executed_keys(bank, campaign.tried)
        assert sorted(keys) == sorted(campaign.tried)

    async def test_what_was_accepted_before_the_kill_settles_after_the_restart(
        self, bank: BankProcess
    ) -> None:
        _, accepted = await bank.call("PUT", "/payouts/K1", instruction())
        bank.end(signal.SIGKILL)
        bank.start()
        assert await executed_keys(bank, {"K1"}) == ["K1"]
        _, settled = await bank.call("GET", "/payouts/K1")
        assert settled["reference"] == accepted["reference"]

    async def test_events_keep_their_identity_and_order_over_a_restart(self, bank: BankProcess) -> None:
        for number in range(5):
            await bank.call("PUT", f"/payouts/K{number}", instruction())
        await executed_keys(bank, {f"K{number}" for number in range(5)})
        before = await bank.get("/events")
        bank.end(signal.SIGKILL)
        bank.start()
        assert await bank.get("/events") == before
        assert (await bank.get(f"/events?after={before['cursor']}"))["events"] == []


class TestTheJournalOnDisk:
    async def test_a_torn_last_line_is_cut_off_at_the_start(self, bank: BankProcess) -> None:
        await bank.call("PUT", "/payouts/K1", instruction())
        await executed_keys(bank, {"K1"})
        bank.end(signal.SIGKILL)
        append_to_journal(bank, b'{"checksum":"00000000","event":{"kind":"settl')
        bank.start()
        await bank.call("PUT", "/payouts/K2", instruction())
        assert await executed_keys(bank, {"K2"}) == ["K1", "K2"]
        bank.end(signal.SIGTERM)
        bank.start()
        assert await executed_keys(bank, {"K2"}) == ["K1", "K2"]

    async def test_a_damaged_line_stops_the_start_and_says_where(self, bank: BankProcess) -> None:
        await bank.call("PUT", "/payouts/K1", instruction())
        bank.end(signal.SIGKILL)
        append_to_journal(bank, b"garbage\n")
        assert "is damaged at line" in bank.refused_start()

    async def test_two_banks_cannot_share_a_state_folder(self, bank: BankProcess) -> None:
        assert "in use by another process" in BankProcess(state=bank.state).refused_start()


class TestWithoutAStateFolder:
    async def test_identifiers_are_not_used_again_by_the_next_bank(self) -> None:
        async with BankProcess() as bank:
            identities = []
            for _ in range(2):
                await bank.call("PUT", "/payouts/K1", instruction())
                identities.append((await bank.get("/events"))["events"][0]["id"])
                bank.end(signal.SIGKILL)
                bank.start()
        assert len(set(identities)) == 2


def append_to_journal(bank: BankProcess, data: bytes) -> None:
    assert bank.state is not None
    with (bank.state / JOURNAL_NAME).open("ab") as journal:
        journal.write(data)
