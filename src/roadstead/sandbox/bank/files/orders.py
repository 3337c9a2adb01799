"""Reading files of payment orders: pain.001.001 of any version, as the bank understands it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from roadstead.errors import BadInput
from roadstead.sandbox.bank.events import Instruction

BYTES_MAX = 64 * 1024 * 1024
NAMESPACE_BEGINNING = "urn:iso:std:iso:20022:tech:xsd:pain.001.001."
UNNAMED = "NOTPROVIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payment of a file."""

    batch_id: str
    instruction_id: str
    instruction: Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFile:
    """A file of payments."""

    message_id: str
    orders: tuple[Order, ...]


def read_orders(content: bytes) -> OrderFile:
    """Read a file.

    Raises:
        BadInput: It is no pain.001, is damaged or dangerous, or does not add up.
    """
    initiation = _initiation(content)
    message_id = _text(initiation, "GrpHdr/MsgId")
    orders = [
        _order(batch, number, payment, message_id)
        for number, (batch, payment) in enumerate(
            (
                (batch, payment)
                for batch in _all(initiation, "PmtInf")
                for payment in _all(batch, "CdtTrfTxInf")
            ),
            start=1,
        )
    ]
    _check_sums(initiation, orders)
    return OrderFile(message_id=message_id, orders=tuple(orders))


def _initiation(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        document = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadInput(f"The file is no XML: {error}.") from error
    if getattr(document.getroottree().docinfo, "doctype", ""):
        raise BadInput("The file has a DOCTYPE, which this bank does not read.")
    name = etree.QName(document)
    if name.localname != "Document" or not (name.namespace or "").startswith(NAMESPACE_BEGINNING):
        raise BadInput("The file is no pain.001.001.")
    return _one(document, "CstmrCdtTrfInitn")


def _order(batch: etree._Element, number: int, payment: etree._Element, message_id: str) -> Order:
    amount = _one(payment, "Amt/InstdAmt")
    return Order(
        batch_id=_text(batch, "PmtInfId"),
        instruction_id=_text(payment, "PmtId/InstrId", f"{message_id}-{number}"[-36:]),
        instruction=Instruction(
            end_to_end_id=_text(payment, "PmtId/EndToEndId"),
            amount=(amount.text or "").strip(),
            currency=amount.get("Ccy", ""),
            account=_text(payment, "CdtrAcct/Id/IBAN", "") or _text(payment, "CdtrAcct/Id/Othr/Id"),
            bank_number=_bank_number(payment),
            name=_text(payment, "Cdtr/Nm"),
            information=" ".join(
                (line.text or "").strip()
                for remittance in _all(payment, "RmtInf")
                for line in _all(remittance, "Ustrd")
            ),
        ),
    )


def _bank_number(payment: etree._Element) -> str:
    bank = "CdtrAgt/FinInstnId"
    named = (
        _text(payment, f"{bank}/BICFI", "")
        or _text(payment, f"{bank}/ClrSysMmbId/MmbId", "")
        or _text(payment, f"{bank}/Othr/Id", "")
    )
    return "" if named == UNNAMED else named


def _check_sums(initiation: etree._Element, orders: Sequence[Order]) -> None:
    if not orders:
        raise BadInput("The file has no payments.")
    if _text(initiation, "GrpHdr/NbOfTxs") != str(len(orders)):
        raise BadInput("The file has another number of payments than NbOfTxs says.")
    control_sum = _text(initiation, "GrpHdr/CtrlSum", "")
    try:
        total = sum((Decimal(order.instruction.amount) for order in orders), Decimal(0))
        adds_up = not control_sum or Decimal(control_sum) == total
    except ArithmeticError as error:
        raise BadInput("The file has an amount that is none.") from error
    if not adds_up:
        raise BadInput("The payments of the file do not add up to CtrlSum.")


def _all(element: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str) and etree.QName(child).localname == name]


def _one(element: etree._Element, path: str) -> etree._Element:
    for name in path.split("/"):
        found = _all(element, name)
        if not found:
            raise BadInput(f"The file lacks {path}.")
        element = found[0]
    return element


def _text(element: etree._Element, path: str, default: str | None = None) -> str:
    try:
        text = (_one(element, path).text or "").strip()
    except BadInput:
        if default is None:
            raise
        return default
    if not text and default is None:
        raise BadInput(f"{path} is empty in the file.")
    return text or (default or "")
