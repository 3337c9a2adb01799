"""The customer who comes through the signed door, and is pushed to: set up from the command line."""

import os
from argparse import Namespace
from collections.abc import Coroutine

from roadstead.clock import SystemClock
from roadstead.config.ed25519 import public_key_from, public_key_text
from roadstead.errors import ConfigurationError
from roadstead.randomness import SystemRandomness
from roadstead.sandbox.bank.keys import own_key
from roadstead.sandbox.bank.misfortune import Misfortune
from roadstead.sandbox.bank.pushing import Pusher
from roadstead.sandbox.bank.signed_door import SignedDoor
from roadstead.sandbox.bank.teller import Teller


def signed_customer(
    options: Namespace, teller: Teller, misfortune: Misfortune
) -> tuple[SignedDoor, list[Coroutine[None, None, None]]]:
    """Return the signed door, and what has to run so that its customer is pushed to.

    Raises:
        ConfigurationError: A key is missing, or is none.
    """
    if options.customer_key is None:
        raise ConfigurationError("Nothing is signed without a customer: name --customer-key too.")
    path = options.signing_key or (options.state / "signing-key.pem" if options.state else None)
    if path is None:
        raise ConfigurationError(
            "The signed door needs a key of the bank's own: name --signing-key or --state."
        )
    try:
        customer_key = public_key_from(options.customer_key)
    except ValueError as error:
        raise ConfigurationError(f"--customer-key {error}.") from error
    key = own_key(path)
    os.write(2, f"signing-key {public_key_text(key.public_key())}\n".encode())
    door = SignedDoor(key=key, customer_key=customer_key, clock=SystemClock(), randomness=SystemRandomness())
    if not options.push_to:
        return door, []
    return door, [Pusher(teller=teller, misfortune=misfortune, door=door, url=options.push_to).run()]
