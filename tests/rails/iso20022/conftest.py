import shutil
from pathlib import Path

import pytest
from tests.fixtures.mock_bank import CLOSED_IBAN, OUR_IBAN, MockBank
from tests.rails.iso20022.samples import HEADING, sample

from roadstead.rails.iso20022.payments import Debtor, write_payments


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every kind of file that mock-bank answers with, by its name, to a file of ours in which it refuses a payment."""
    folder = tmp_path_factory.mktemp("bank")
    drop, pickup = folder / "out", folder / "in"
    for place in (drop, pickup):
        place.mkdir()
    attempts = [sample(1), sample(2, account_number=CLOSED_IBAN), sample(3, amount="0.01")]
    content = write_payments(HEADING, Debtor(name="Anchor", account=OUR_IBAN), attempts)
    with MockBank(drop=drop, pickup=pickup, behaviour="return-later", parameters={"days": 2}) as bank:
        staged: Path = folder / "payments.xml"
        staged.write_bytes(content)
        shutil.move(staged, drop / "payments.xml")
        bank.scan()
        bank.advance(5)
        names = [path for path in pickup.iterdir() if "OURS" in path.name]
        return {path.name: path.read_bytes() for path in sorted(names)}
