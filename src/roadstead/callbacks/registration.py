"""Registering where a partner wants to be called about one of its subjects."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from roadstead.callbacks import store
from roadstead.callbacks.addresses import refusal
from roadstead.callbacks.store import Subject
from roadstead.callbacks.targets import Target, TargetRefused, is_permitted, parse_target
from roadstead.database.pool import Connection


async def register(
    connection: Connection, subject: Subject, *, partner_id: UUID, url: str, private_allowed: bool
) -> None:
    """Call this URL at every change of the subject from now on, instead of any URL before it; safe to repeat.

    Call it in a transaction. Nothing is contacted. That the subject is the partner's is for the caller to know, and
    `private_allowed` for the network's profile to say.

    Raises:
        TargetRefused: The URL is not one that we call, or its host is none that was agreed with the partner.
    """
    target = readable(url, private_allowed=private_allowed)
    hosts = await store.permitted_hosts(connection, partner_id)
    require_permitted(target, hosts, private_allowed=private_allowed)
    await store.set_url(connection, subject, partner_id, target)


def readable(url: str, *, private_allowed: bool) -> Target:
    """Read a URL under the rules for callbacks.

    Raises:
        TargetRefused: It is not one that we call, whoever's it is.
    """
    target = parse_target(url, http_allowed=private_allowed)
    reason = target.address and refusal(target.address, private_allowed=private_allowed)
    if reason:
        raise TargetRefused(f"{target.authority} is not called: {reason}. Use a public host name.")
    return target


def require_permitted(target: Target, hosts: Sequence[str], *, private_allowed: bool) -> None:
    """Return when a target is at one of the hosts agreed with its partner.

    Raises:
        TargetRefused: It is not.
    """
    if not is_permitted(target, hosts, any_port=private_allowed):
        raise TargetRefused(
            f"Host {target.authority} is not among the hosts agreed for your callbacks: use one that is, or ask the "
            "anchor's support to add it."
        )
