"""The worker brings codes to customers, beside everything else that it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.fixtures.callbacks import Outbox
from tests.fixtures.house import PARTNER, SENDER, house_on
from tests.fixtures.messenger import KeepingMessenger

from roadstead.customers.courier import Courier
from roadstead.customers.identity import Reference
from roadstead.database.migrate import APP_ROLE
from roadstead.messages.catalogue import Catalogue, shipped_messages
from roadstead.partners.principal import Principal
from roadstead.service.worker import Worker

PATIENCE_S = 30.0


async def test_a_code_that_a_registration_ordered_is_sent(database_url: str) -> None:
    async with house_on(f"{database_url}?role={APP_ROLE}") as house:
        anchor = house.configuration.anchor
        types = tuple(
            replace(
                kind,
                fields=tuple(replace(field, confirm=field.name == "email_address") for field in kind.fields),
            )
            for kind in anchor.customer_types
        )
        house.configuration = replace(house.configuration, anchor=replace(anchor, customer_types=types))
        messenger, stop, outbox = KeepingMessenger(), asyncio.Event(), Outbox(house=house)
        courier = Courier(
            database=house.database,
            keys=house.keys,
            messenger=messenger,
            anchor_name="Example",
            catalogue=Catalogue(shipped_messages()),
            clock=house.clock,
            randomness=house.randomness,
        )
        worker = Worker(
            configuration=house.configuration,
            database=house.database,
            rails={house.rail.name: house.rail},
            keys=house.keys,
            rates=house.rates,
            clock=house.clock,
            randomness=house.randomness,
            deliverer=outbox.deliverer(),
            courier=courier,
        )
        running = asyncio.create_task(worker.run(stop))
        await house.registry.register(Principal(account=PARTNER), Reference(memo="8"), SENDER)
        async with asyncio.timeout(PATIENCE_S):
            await messenger.arrived.wait()
            stop.set()
            await running
        for client in outbox.clients:
            await client.close()

    assert messenger.messages[0].address == SENDER["email_address"]
