"""The role that matches, submits and applies, put together."""

from __future__ import annotations

from roadstead.callbacks.delivery import Deliverer
from roadstead.callbacks.http_client import SafeClient
from roadstead.callbacks.signatures import CallbackSigner
from roadstead.callbacks.store import SubjectKind
from roadstead.cli.parts import Parts
from roadstead.customers.courier import Courier
from roadstead.customers.messengers import open_messenger
from roadstead.messages.catalogue import Catalogue, shipped_messages
from roadstead.refunds.opening import opened_submitter
from roadstead.sep import sep12_changes, sep31
from roadstead.service.metrics import codes_handed_over
from roadstead.service.worker import Worker, count_callback


async def run(parts: Parts) -> None:
    """Work until the process is told to end."""
    private_allowed = parts.configuration.profile.allows_callbacks_to_private_addresses
    client = SafeClient(private_allowed=private_allowed)
    parts.stack.push_async_callback(client.close)
    deliverer = Deliverer(
        database=parts.database,
        client=client,
        signer=CallbackSigner(parts.configuration.settings.signing_secret),
        clock=parts.clock,
        randomness=parts.randomness,
        renderers={
            SubjectKind.REMITTANCE: sep31.callback_renderer(parts.configuration.anchor),
            SubjectKind.CUSTOMER: sep12_changes.callback_renderer(parts.configuration.anchor),
        },
        private_allowed=private_allowed,
        observe=count_callback,
    )
    submitter = await parts.stack.enter_async_context(
        opened_submitter(parts.configuration, parts.database, clock=parts.clock, randomness=parts.randomness)
    )
    worker = Worker(
        configuration=parts.configuration,
        database=parts.database,
        rails=parts.rails,
        keys=parts.keys,
        rates=parts.rates,
        clock=parts.clock,
        randomness=parts.randomness,
        deliverer=deliverer,
        submitter=submitter,
        courier=_courier(parts),
        verifiers=parts.verifiers,
    )
    await worker.run(parts.stop)


def _courier(parts: Parts) -> Courier | None:
    """Return who sends codes to customers; None where no field has to be confirmed."""
    messenger = open_messenger(parts.configuration, parts.clock)
    if messenger is None:
        return None
    organization = parts.configuration.anchor.organization
    courier = Courier(
        database=parts.database,
        keys=parts.keys,
        messenger=messenger,
        anchor_name=organization.dba or organization.name,
        catalogue=Catalogue(shipped_messages()),
        clock=parts.clock,
        randomness=parts.randomness,
        observe=lambda outcome: codes_handed_over.labels(outcome).inc(),
    )
    parts.stack.push_async_callback(courier.close)
    return courier
