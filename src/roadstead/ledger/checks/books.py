"""The books by themselves: every posting balances, every account stands where it may, every name is known."""

from __future__ import annotations

from roadstead.ledger import chart
from roadstead.ledger.checks.form import Check, Sweep
from roadstead.ledger.events import EVENTS

_SIGNS = ", ".join(f"('{chart.pattern(name)}', '{sign}')" for name, sign in chart.SIGNS.items())
_EVENTS = ", ".join(f"('{event}', '^{key}$')" for event, key in EVENTS.items())

BOOKS = Sweep(
    name="books",
    common={
        "balances": "SELECT account, asset, sum(amount_units)::bigint AS units FROM entries GROUP BY account, asset",
        "signs": f"SELECT * FROM (VALUES {_SIGNS}) AS chart (pattern, sign)",  # noqa: S608 - constants
        "events": f"SELECT * FROM (VALUES {_EVENTS}) AS known (event, key)",  # noqa: S608 - constants
    },
    checks=(
        Check(
            name="books_balance",
            sentence="In every asset, all debits and all credits of the books are equal.",
            sql="""
            SELECT asset, asset, 'debits and credits of the whole books differ', 0::bigint, sum(units)::bigint
            FROM balances GROUP BY asset HAVING sum(units) <> 0
            """,
        ),
        Check(
            name="postings_balance",
            sentence="Every posting has entries, and they add up to zero in every asset.",
            sql="""
            SELECT p.idempotency_key, e.asset, 'the posting does not balance', 0::bigint, e.units
            FROM (SELECT posting_id, asset, sum(amount_units)::bigint AS units FROM entries
                  GROUP BY posting_id, asset HAVING sum(amount_units) <> 0) AS e
            JOIN postings AS p ON p.id = e.posting_id
            UNION ALL
            SELECT p.idempotency_key, NULL, 'the posting has no entries', NULL, NULL
            FROM postings AS p WHERE NOT EXISTS (SELECT FROM entries AS e WHERE e.posting_id = p.id)
            """,
        ),
        Check(
            name="entries_have_postings",
            sentence="Every entry belongs to a posting, and every posting about a remittance to one that exists.",
            sql="""
            SELECT e.account, e.asset, 'an entry of the posting with number ' || e.posting_id || ', which is missing',
                NULL::bigint, e.amount_units
            FROM entries AS e WHERE NOT EXISTS (SELECT FROM postings AS p WHERE p.id = e.posting_id)
            UNION ALL
            SELECT p.idempotency_key, NULL, 'there is no remittance ' || p.remittance_id, NULL, NULL
            FROM postings AS p WHERE p.remittance_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM remittances AS r WHERE r.id = p.remittance_id)
            """,
        ),
        Check(
            name="accounts_in_chart",
            sentence="Every account that has entries is in the chart of accounts.",
            sql="""
            SELECT b.account, b.asset, 'an account that the chart does not have', NULL::bigint, b.units
            FROM balances AS b WHERE NOT EXISTS (SELECT FROM signs AS s WHERE b.account LIKE s.pattern)
            """,
        ),
        Check(
            name="account_signs",
            sentence="No account stands on the wrong side of zero.",
            sql="""
            SELECT b.account, b.asset, 'its balance may ' || replace(s.sign, '_', ' ') || ' be', 0::bigint, b.units
            FROM balances AS b JOIN signs AS s ON b.account LIKE s.pattern
            WHERE (s.sign = 'never_negative' AND b.units < 0) OR (s.sign = 'never_positive' AND b.units > 0)
            """,
        ),
        Check(
            name="events_known",
            sentence="Every posting tells an event that is known, under an idempotency key of that event's form.",
            sql="""
            SELECT p.idempotency_key, NULL::text,
                CASE WHEN e.event IS NULL THEN 'the event ' || p.event || ' is not known'
                ELSE 'this is no key of the event ' || p.event END, NULL::bigint, NULL::bigint
            FROM postings AS p LEFT JOIN events AS e ON e.event = p.event
            WHERE e.event IS NULL OR p.idempotency_key !~ e.key
            """,
        ),
    ),
)
