"""Effects that say who pays which reserve: read from the entries, whatever the operation."""

from collections.abc import Iterator

from roadstead.sandbox.network.ledger.assets import Party, address
from roadstead.sandbox.network.ledger.state import Account, ClaimableBalance, Data, Entry, Key, TrustLine

from .details import signer_text
from .records import Effect

_CREATED = 0
_UPDATED = 1
_REMOVED = 2

_ACCOUNT = (60, "account")
_LINE = (63, "trustline")
_DATA = (66, "data")
_BALANCE = (69, "claimable_balance")
_SIGNER = (72, "signer")
_SUFFIXES = ("created", "updated", "removed")


def _change(before: bytes | None, after: bytes | None) -> tuple[int, dict[str, str]] | None:
    if before == after:
        return None
    if before is None and after is not None:
        return _CREATED, {"sponsor": address(after)}
    if before is not None and after is None:
        return _REMOVED, {"former_sponsor": address(before)}
    if before is not None and after is not None:
        return _UPDATED, {"former_sponsor": address(before), "new_sponsor": address(after)}
    return None


def _effect(party: Party, family: tuple[int, str], step: int, details: dict[str, str]) -> Effect:
    return Effect(
        account=address(party.account),
        mux_id=party.mux_id,
        type=family[0] + step,
        name=f"{family[1]}_sponsorship_{_SUFFIXES[step]}",
        details=details,
    )


def _of_entry(source: Party, entry: Entry) -> tuple[Party, tuple[int, str], dict[str, str]] | None:
    match entry:
        case Account():
            return Party(entry.account), _ACCOUNT, {}
        case TrustLine():
            fields = {"asset_type": entry.asset.kind, "asset": str(entry.asset)}
            return Party(entry.account), _LINE, fields
        case Data():
            return source, _DATA, {"data_name": entry.name.decode("utf-8", "replace")}
        case ClaimableBalance():
            return source, _BALANCE, {"balance_id": "00000000" + entry.balance_id.hex()}
        case _:
            return None


def _sponsors(entry: Entry | None) -> dict[str, bytes]:
    if not isinstance(entry, Account):
        return {}
    return {signer_text(signer.key): signer.sponsor for signer in entry.signers if signer.sponsor is not None}


def _of_signers(before: Entry | None, after: Entry | None) -> Iterator[Effect]:
    owner = after if isinstance(after, Account) else before
    if not isinstance(owner, Account):
        return
    old, new = _sponsors(before), _sponsors(after)
    for key in sorted(old.keys() | new.keys()):
        change = _change(old.get(key), new.get(key))
        if change is not None:
            step, fields = change
            yield _effect(Party(owner.account), _SIGNER, step, {"signer": key, **fields})


def sponsorship_effects(
    source: Party, changes: list[tuple[Key, Entry | None, Entry | None]]
) -> Iterator[Effect]:
    """The sponsorship effects of one operation's changes."""
    for _, before, after in changes:
        entry = after or before
        if entry is None:
            continue
        told = _of_entry(source, entry)
        change = _change(None if before is None else before.sponsor, None if after is None else after.sponsor)
        if told is not None and change is not None:
            party, family, fields = told
            step, sponsors = change
            yield _effect(party, family, step, {**fields, **sponsors})
        yield from _of_signers(before, after)
