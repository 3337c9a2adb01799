"""Keys that everybody knows, because they stand in our documentation. No network but the sandbox accepts them."""

from __future__ import annotations

SIGNING_SEED = "SAWBTGLOQBXXH5KR4SWHWSJT2HHS2MUJ5CJYD5P5E3UPR3KEBDHZSBTH"
SIGNING_ACCOUNT = "GCA4C5FKYQYBKBAYTK4DWOP6Q3BBIVX5NCWEEN3YMUW5J4KOVTO224CZ"
DISTRIBUTION_ACCOUNT = "GBIWNCC44E4LFDYH4745VZ374NOYG67WBXXWM2MM2JGR5V7CZHF6THG6"
OWN_ACCOUNT = "GABPJF2YR2ZBCXUF67XM4GBSIVKL6FPZJF5B5LZYCYROFHSDGS7XJ6JK"
DISTRIBUTION_SEED = "SBXSBQZ7YXXXXN3JYIEHVXHDUPZADLULTEOKGCZSD63OCISK3FJJR4NG"
"""A seed of no account that is named here."""
ISSUER = "GCQERRGJ474KHMQCMC74BCPY3HMYDGV7NNCYYJLJOABPBRC6REZOYCUL"
VECTOR_SEED = "SAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6NKI"
"""The key of the test vector of callbacks' signatures."""
VECTOR_ACCOUNT = "GAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZ6Q"
JWT_SECRET = "example-do-not-use-3f7c1d90a6e84b25"  # noqa: S105 - known to everybody, which is its point
JWT_SECRET_PREVIOUS = "example-do-not-use-9b2e5d81c4f07a63"  # noqa: S105 - the same
VERIFIER_SECRET = "example-do-not-use-5d80c2f1a7b94e36"  # noqa: S105 - the same
DATA_KEY = "ZXhhbXBsZS1kby1ub3QtdXNlLTAxMjM0NTY3ODlhYmM="
DATA_KEY_PREVIOUS = "ZXhhbXBsZS1kby1ub3QtdXNlLTk4NzY1NDMyMTBmZWQ="
RAIL_TOKEN = "example-token-of-the-bank"  # noqa: S105 - the same
RAIL_SIGNING_KEY = "MC4CAQAwBQYDK2VwBCIEIE7dc0CPIoPiAbPcoMO6d2X2qd3oKeZ10H+6HB6ulD1m"
RAIL_BANK_KEY = "MCowBQYDK2VwAyEAaQir92cCLTrj0RZZHGGC/ZJ2vjoQprCHymFcPIAXN5g="
SCREENER_TOKEN = "example-token-of-the-screener"  # noqa: S105 - the same
RATES_TOKEN = "example-token-of-the-rates"  # noqa: S105 - the same
ALERT_WEBHOOK_SECRET = "example-do-not-use-5c8e2f17b94d03a6"  # noqa: S105 - the same
ALERT_WEBHOOK_URL = "https://alerts.example/roadstead?channel=on-call"
SMTP_URL = "smtp://roadstead:password@mail.example:587"

DATABASE_URL = "postgresql://roadstead_app:password@database.internal/roadstead"
DATABASE_OWNER_URL = "postgresql://roadstead_owner:password@database.internal/roadstead"

EXAMPLE_VALUES = frozenset(
    {
        SIGNING_SEED,
        SIGNING_ACCOUNT,
        DISTRIBUTION_ACCOUNT,
        DISTRIBUTION_SEED,
        ISSUER,
        OWN_ACCOUNT,
        VECTOR_SEED,
        VECTOR_ACCOUNT,
        JWT_SECRET,
        JWT_SECRET_PREVIOUS,
        VERIFIER_SECRET,
        DATA_KEY,
        DATA_KEY_PREVIOUS,
        RAIL_TOKEN,
        RAIL_SIGNING_KEY,
        RAIL_BANK_KEY,
        SCREENER_TOKEN,
        RATES_TOKEN,
        ALERT_WEBHOOK_SECRET,
        ALERT_WEBHOOK_URL,
        SMTP_URL,
        DATABASE_URL,
        DATABASE_OWNER_URL,
    }
)
"""Every key that our pages print, secret or public."""
