"""The sandbox: a whole anchor with its Stellar network and its bank on one machine, offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from roadstead import __version__
from roadstead.clock import SystemClock
from roadstead.config.anchor import Anchor
from roadstead.config.anchor_file import load_anchor
from roadstead.config.networks import Network, profile
from roadstead.config.strkey import public_key_of
from roadstead.errors import ConfigurationError, Conflict
from roadstead.randomness import SystemRandomness
from roadstead.sandbox import ports, roles
from roadstead.sandbox.environment import (
    DATABASE_URL_VARIABLE,
    Addresses,
    anchor_file,
    plain_environment,
    server_settings,
    verifier_secret,
    write_environment_file,
)
from roadstead.sandbox.files import write_private
from roadstead.sandbox.keys import KeyFile, Keys, make_keys, with_issuers, with_ports
from roadstead.sandbox.logs import RoleLog
from roadstead.sandbox.options import SandboxOptions, require_passphrase, require_whole
from roadstead.sandbox.ready import ReadyFile
from roadstead.sandbox.state import State, open_state, sweep
from roadstead.sandbox.supervisor import Supervisor

ENVIRONMENT_FILE_NAME = "environment"
PARTNER_SECRET_NAME = "partner.secret"  # noqa: S105 - the name of a file

STEPS = ("database", "network", "bank", "schema", "accounts", *roles.SERVER_ROLES)
"""What has to be done before a sandbox is ready; each is told once, when it is done."""


class Sandbox:
    """A sandbox from its start to its end. Use it as an async context manager on the main thread."""

    def __init__(
        self,
        options: SandboxOptions,
        *,
        tell: Callable[[str], None],
        done: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            options: How to run it.
            tell: Called with a sentence for people, such as that a role was started again.
            done: Called with each of `STEPS` when it is done.
        """
        self._options = options
        self._tell = tell
        self._done = done
        self._base = plain_environment(options.environ)
        self._ready_file = ReadyFile(options.ready_file) if options.ready_file is not None else None
        self._parts = AsyncExitStack()
        self._accounts_exist = asyncio.Event()
        self._supervisor: Supervisor | None = None
        self._facts: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        """Start everything and wait until it is ready; what an earlier start left half-done is completed.

        Raises:
            ConfigurationError: A folder, port or setting cannot be used.
            RoleFailed: A process does not start; the message carries the end of its log.
            BadInput: The network refused a step of the set-up.
            Unavailable: A part does not answer.
        """
        try:
            await self._start(self._parts)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Remove the ready file, stop every process, and remove a temporary state folder; cancelling hurries it."""
        closing = asyncio.ensure_future(self._parts.aclose())
        while not closing.done():
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                self.hurry()

    @property
    def logs(self) -> tuple[RoleLog, ...]:
        """The logs of all processes started so far."""
        return self._supervisor.logs if self._supervisor is not None else ()

    def hurry(self) -> None:
        """Kill every process at once, when there is no time to stop them in order."""
        if self._supervisor is not None:
            self._supervisor.kill()

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready file says at this moment."""
        return {**self._facts, "pids": self._supervisor.pids if self._supervisor else {}}

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor of the processes.

        Raises:
            ConfigurationError: The sandbox was not entered.
        """
        if self._supervisor is None:
            raise ConfigurationError("The sandbox was not started: use it in an `async with` block.")
        return self._supervisor

    async def _start(self, parts: AsyncExitStack) -> None:
        if self._ready_file is not None:
            self._ready_file.prepare()
        require_whole(self._options)
        anchor = load_anchor(anchor_file(self._options.environ))
        await asyncio.to_thread(sweep)
        state = open_state(self._options.state)
        parts.push_async_callback(asyncio.to_thread, state.close)
        keys = await self._keys(state, anchor)
        supervisor = Supervisor(
            logs=state.logs, restart=self._options.restart, tell=self._tell, changed=self._write_ready_file
        )
        self._supervisor = supervisor
        parts.push_async_callback(supervisor.stop)
        write_private(state.folder / PARTNER_SECRET_NAME, next(iter(keys.partner_seeds.values())) + "\n")
        addresses, *_ = await _together(
            (
                self._start_anchor(state, keys, anchor),
                self._start_network(state, keys),
                self._start_bank(state, keys),
                self._start_verifier(state, keys, anchor),
            )
        )
        self._facts = _facts(
            keys=keys,
            addresses=addresses,
            anchor=anchor,
            state=state,
            friendbot=self._options.friendbot_url(keys),
        )
        parts.callback(self._withdraw)
        if self._ready_file is not None:
            self._ready_file.write(self.ready)

    async def _keys(self, state: State, anchor: Anchor) -> Keys:
        """Return the keys of this state folder with every issuer and port, all of them kept."""
        file = KeyFile(state.folder)
        keys = file.load()
        asked = self._options.passphrase
        if keys is None:
            passphrase = asked or profile(Network.SANDBOX).passphrase
            require_passphrase(passphrase)
            keys = make_keys(SystemRandomness(), passphrase=passphrase)
        elif asked not in (None, keys.passphrase):
            raise ConfigurationError(
                f"The ledger in {state.folder} was made with the passphrase {keys.passphrase!r}, and every signature in"
                " it covers that: leave --passphrase away, or name another state folder."
            )
        keys = with_issuers(keys, SystemRandomness(), [terms.code for terms in anchor.assets])
        settled = await ports.settle(roles.PURPOSES, given=self._options.given_ports, remembered=keys.ports)
        keys = with_ports(keys, settled)
        file.save(keys)
        return keys

    async def _start_anchor(self, state: State, keys: Keys, anchor: Anchor) -> Addresses:
        """Start the database and then the anchor's own processes, the observer when it has an account to observe."""
        addresses = Addresses(
            api_port=keys.ports["api"],
            horizon=self._options.horizon_url(keys),
            bank=roles.local_url(keys.ports[roles.BANK]),
            database_url=await self._prepare_database(state, keys),
            state_folder=state.folder,
            verifier=roles.local_url(keys.ports[roles.VERIFIER]) if self._options.verify else None,
        )
        settings = server_settings(self._options.environ, anchor=anchor, keys=keys, addresses=addresses)
        write_environment_file(state.folder / ENVIRONMENT_FILE_NAME, settings)
        await _together(self._start_server_role(name, keys, settings) for name in roles.SERVER_ROLES)
        return addresses

    async def _prepare_database(self, state: State, keys: Keys) -> str:
        url = self._options.environ.get(DATABASE_URL_VARIABLE)
        if not url:
            await self.supervisor.start(roles.database_role(self._base, state_folder=state.folder, keys=keys))
            url = self.supervisor.log_of(roles.DATABASE).line_beginning(roles.DATABASE_URL_BEGINNING) or ""
        self._done("database")
        # Imported here, while the other processes start, because asyncpg takes its time.
        from roadstead.database.migrate import migrate  # noqa: PLC0415

        await migrate(self._options.environ.get("ROADSTEAD_DATABASE_OWNER_URL") or url)
        await self._furnish(url, keys)
        self._done("schema")
        return url

    async def _furnish(self, url: str, keys: Keys) -> None:
        """Put both partners on the anchor's list, unless a person has taken one off it, and import the sample list.

        Safe to call again.
        """
        from roadstead.database.pool import open_database  # noqa: PLC0415 - as above
        from roadstead.partners import registry  # noqa: PLC0415
        from roadstead.screening.importing import import_list  # noqa: PLC0415
        from roadstead.screening.sample import SAMPLE_NAME, sample_list  # noqa: PLC0415

        database = await open_database(url, application="roadstead-sandbox", connections_max=1)
        try:
            for name, seed in keys.partner_seeds.items():
                with suppress(Conflict):
                    await registry.add(
                        database,
                        name,
                        [public_key_of(seed)],
                        "sandbox",
                        callback_hosts=("localhost", "127.0.0.1"),
                    )
            await import_list(database, SAMPLE_NAME, sample_list(), actor="sandbox", clock=SystemClock())
        finally:
            await database.close()

    async def _start_network(self, state: State, keys: Keys) -> None:
        if self._options.horizon is None:
            role = roles.network_role(
                self._base, state_folder=state.folder, keys=keys, close=self._options.close
            )
            await self.supervisor.start(role)
        from roadstead.sandbox.accounts import prepare_accounts, require_network  # noqa: PLC0415 - as above
        from roadstead.sandbox.calls import Calls  # noqa: PLC0415

        horizon_url = self._options.horizon_url(keys)
        async with Calls() as calls:
            await require_network(calls, horizon_url=horizon_url, passphrase=keys.passphrase)
            self._done("network")
            await prepare_accounts(
                calls,
                horizon_url=horizon_url,
                friendbot_url=self._options.friendbot_url(keys),
                keys=keys,
                home_domain=f"localhost:{keys.ports['api']}",
            )
        self._accounts_exist.set()
        self._done("accounts")

    async def _start_bank(self, state: State, keys: Keys) -> None:
        await self.supervisor.start(roles.bank_role(self._base, state_folder=state.folder, keys=keys))
        self._done("bank")

    async def _start_verifier(self, state: State, keys: Keys, anchor: Anchor) -> None:
        if not (self._options.verify and anchor.verifiers):
            return
        api = roles.local_url(keys.ports["api"])
        role = roles.verifier_role(
            self._base,
            state_folder=state.folder,
            keys=keys,
            secret=verifier_secret(keys),
            notify=f"{api}/verifiers",
        )
        await self.supervisor.start(role)

    async def _start_server_role(self, name: str, keys: Keys, settings: Mapping[str, str]) -> None:
        if name == roles.OBSERVER:
            await self._accounts_exist.wait()
        await self.supervisor.start(roles.server_role(name, self._base, keys=keys, settings=settings))
        self._done(name)

    def _withdraw(self) -> None:
        self._facts = {}
        if self._ready_file is not None:
            self._ready_file.remove()

    def _write_ready_file(self) -> None:
        """Tell the world, once everything is ready, and again whenever a process is another."""
        if self._ready_file is None or not self._facts:
            return
        try:
            self._ready_file.write(self.ready)
        except ConfigurationError as error:
            # A full disk must not keep a role from being started again.
            self._tell(error.message)


async def _together(jobs: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all jobs at once and return their results; when one fails, end the others and raise its error alone."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _facts(
    *, keys: Keys, addresses: Addresses, anchor: Anchor, state: State, friendbot: str
) -> dict[str, Any]:
    """Return all of the ready file but the process ids."""
    partners = [
        {"name": name, "public_key": public_key_of(seed), "secret": seed}
        for name, seed in keys.partner_seeds.items()
    ]
    internal = {name: roles.local_url(keys.ports[f"{name}-internal"]) for name in roles.SERVER_ROLES}
    return {
        "api": addresses.api,
        "home_domain": addresses.home_domain,
        "horizon": addresses.horizon,
        "friendbot": friendbot,
        "network_passphrase": keys.passphrase,
        "bank": addresses.bank,
        **({"verifier": addresses.verifier} if addresses.verifier else {}),
        "database_url": addresses.database_url,
        "assets": [{"code": terms.code, "issuer": keys.issuers[terms.code]} for terms in anchor.assets],
        "distribution_account": keys.distribution_account,
        "signing_key": keys.signing_key,
        "partner": partners[0],
        "partners": partners,
        "metrics": f"{internal['api']}/metrics",
        "internal": internal,
        "partner_secret_file": str(state.folder / PARTNER_SECRET_NAME),
        "environment_file": str(state.folder / ENVIRONMENT_FILE_NAME),
        "logs": str(state.logs),
        "version": __version__,
    }
