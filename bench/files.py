"""What a day of payouts by file costs: `python -m bench.files`.

One process, a PostgreSQL beside it with all its safety, and folders. Payouts are put into batches, their files are
built and sent; then the bank's report, statement and notification about all of them are fetched and understood, and the
statement is read for the books. Memory is the highest of the whole process, with everything that it imported.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from lxml import etree
from tests.batches.filing import Filing, attempt, filing
from tests.fixtures.mock_bank import OUR_IBAN

from roadstead.contract.bench import all_statements
from roadstead.database.embedded import EmbeddedPostgres
from roadstead.database.migrate import migrate
from roadstead.rails.iso20022.payments import NAMESPACE as PAYMENTS

AT_ONCE = 16
SPACE = "urn:iso:std:iso:20022:tech:xsd:"
HEAD = "<GrpHdr><MsgId>{}</MsgId><CreDtTm>2026-09-28T20:00:00Z</CreDtTm></GrpHdr>"


async def measure(count: int, what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run work once and print what it cost."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await work()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {count:,} in {wall_s:.2f} s, {cpu_s:.2f} s CPU; memory so far at most {highest:.0f} MB")


def answers(files: Filing, message_id: str, keys: list[tuple[str, str]]) -> None:
    """Write what the bank says of a file: each payment accepted, then booked, in a statement and a notification."""
    reported = "".join(
        f"<TxInfAndSts><OrgnlInstrId>{key}</OrgnlInstrId><OrgnlEndToEndId>{end}</OrgnlEndToEndId>"
        "<TxSts>ACSP</TxSts></TxInfAndSts>"
        for key, end in keys
    )
    entries = "".join(
        '<Ntry><Amt Ccy="EUR">98.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>2026-09-28</Dt></BookgDt><AcctSvcrRef>REF{number}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><Refs><InstrId>{key}</InstrId><EndToEndId>{end}</EndToEndId></Refs>"
        "<RltdPties><Cdtr><Pty><Nm>Ada Lovelace</Nm></Pty></Cdtr></RltdPties>"
        "<RmtInf><Ustrd>A gift</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for number, (key, end) in enumerate(keys)
    )
    account = f"<Id>{message_id}</Id><Acct><Id><IBAN>{OUR_IBAN}</IBAN></Id></Acct>"
    bodies = {
        "pain.002.001.10": f"<CstmrPmtStsRpt>{HEAD.format('R1')}"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId>"
        "<GrpSts>ACSP</GrpSts></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message_id}1</OrgnlPmtInfId>{reported}</OrgnlPmtInfAndSts></CstmrPmtStsRpt>",
        "camt.053.001.08": f"<BkToCstmrStmt>{HEAD.format('S1')}<Stmt>{account}{entries}</Stmt></BkToCstmrStmt>",
        "camt.054.001.08": f"<BkToCstmrDbtCdtNtfctn>{HEAD.format('N1')}<Ntfctn>{account}{entries}</Ntfctn>"
        "</BkToCstmrDbtCdtNtfctn>",
    }
    for message, body in bodies.items():
        path = files.incoming / f"{message}-{message_id}.xml"
        path.write_text(f'<Document xmlns="{SPACE}{message}">{body}</Document>')


def read_keys(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """Read a file of ours piece by piece: its message id, and the identifiers of its payments."""
    message_id, keys = "", []
    for _, element in etree.iterparse(path, tag=[f"{{{PAYMENTS}}}MsgId", f"{{{PAYMENTS}}}PmtId"]):
        if element.tag.endswith("MsgId"):
            message_id = element.text or ""
        else:
            keys.append((element[0].text or "", element[1].text or ""))
        element.clear()
    return message_id, keys


async def day(files: Filing, count: int) -> None:
    """Pay a day's payouts by file, and hear of all of them."""

    async def submit() -> None:
        for start in range(1, count + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, count + 1))
            await asyncio.gather(*(files.rail.submit(attempt(number)) for number in numbers))

    async def understand() -> None:
        while await files.receive():
            pass

    async def statements() -> None:
        read = await all_statements(files.rail)
        if (lines := sum(len(statement.lines) for statement in read)) != count:
            raise SystemExit(f"The statements have {lines} lines, not {count}.")

    await measure(count, "payouts put into batches", submit)
    await measure(count, "payouts in files that were built, stored and sent", files.send)
    for path in files.sent_files():
        answers(files, *read_keys(path))
        print(f"a file of {path.stat().st_size / 1e6:.1f} MB")
    await measure(3 * count, "reports, statement lines and notifications stored and understood", understand)
    await measure(count, "statement lines read for the books", statements)
    (row,) = await files.rows("SELECT count(DISTINCT key) FROM file_events WHERE status = 'settled'")
    if row[0] != count:
        raise SystemExit(f"Only {row[0]} of {count} payouts are settled.")


async def main() -> None:
    """Measure in a database that is removed afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--payouts", type=int, default=10_000)
    given = parser.parse_args()
    logging.disable(logging.INFO)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "state")
        url = await asyncio.to_thread(server.start)
        try:
            await migrate(url)
            place = Path(folder) / "files"
            place.mkdir()
            async with filing(place, url) as files:
                await day(files, given.payouts)
        finally:
            await asyncio.to_thread(server.stop)


if __name__ == "__main__":
    asyncio.run(main())
