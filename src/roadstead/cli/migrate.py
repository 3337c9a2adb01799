"""`roadstead migrate`: bring the database to this version's schema and grant the roles."""

from __future__ import annotations

import typer

from roadstead.cli.context import configuration_from_environment, console, database_urls, run
from roadstead.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate_command)


def migrate_command() -> None:
    """Bring the database to this version's schema and grant the roles. Safe to repeat."""
    run(_migrate(configuration_from_environment().settings))


async def _migrate(settings: Settings) -> None:
    from roadstead.database.migrate import migrate

    async with database_urls(settings) as (_, owner_url):
        applied = await migrate(owner_url)
    for migration in applied:
        console.print(f"applied {migration.name}: {migration.note}", markup=False, highlight=False)
    if not applied:
        console.print("The schema is up to date.")
