"""ISO 20022's reason codes as data: why a bank refuses or returns, and what has to change. Pure.

The codes are those of `ExternalStatusReason1Code` and `ExternalReturnReason1Code`, all of them: most rails give them or
are translated to them. The debtor of a payout is this anchor, so what is wrong with a debtor is ours to mend, and what
concerns mandates, cards, requests to pay and EBICS orders is no matter of the receiving client.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ActionClass(StrEnum):
    """What has to change before a payout can succeed."""

    FIX_ACCOUNT = "fix_account"
    """The receiving client's account or bank is wrong."""
    FIX_IDENTITY = "fix_identity"
    """Name or address are missing or do not suit the account."""
    FIX_REFERENCE = "fix_reference"
    """What travels with the payment is missing or wrong."""
    ACCOUNT_UNUSABLE = "account_unusable"
    """The account is closed or blocked, its holder has died, or the cash was not fetched."""
    OVER_LIMIT = "over_limit"
    """The amount is not carried: it is too large, or too small."""
    OUR_FUNDS = "our_funds"
    """Our own account has not enough money, or cannot be debited."""
    OUR_DUPLICATE = "our_duplicate"
    """The bank takes it for a payment that it has already: that one may have been paid."""
    OUR_FORMAT = "our_format"
    """Our instruction, our account or our signature is not as the bank wants it: an engineer has to look."""
    TRY_LATER = "try_later"
    """Nothing is wrong; the bank cannot do it now."""
    COMPLIANCE = "compliance"
    """The law may forbid it. Nobody outside is told why."""
    RECALLED = "recalled"
    """It was called back."""
    UNEXPLAINED = "unexplained"
    """The bank does not say, says what is no refusal of a payout, or says what is not in the table."""


_CODES: Mapping[ActionClass, str] = {
    ActionClass.FIX_ACCOUNT: """
        AB21 AC01 AC03 AC08 AC09 AC11 AC12 AC14 AC15 AC16 AG01 AG03 AG06 AGNT BE23 CNOR RC01 RC02 RC04 RC05
        RC07 RC08 RC10 RC11 TK03
    """,
    ActionClass.FIX_IDENTITY: "BE01 BE04 BE06 BE09 BE11 BE12 BE14 BE20 BE21 BE22 RECI RR03 UCRD",
    ActionClass.FIX_REFERENCE: "FF07 RR07 RR08 RR09",
    ActionClass.ACCOUNT_UNUSABLE: "AC04 AC06 AC07 AC17 CNPC MD07",
    ActionClass.OVER_LIMIT: "AM02 AM06 AM13 AM14 AM15 AM21 AM23 TKVE",
    ActionClass.OUR_FUNDS: "AG07 AM04",
    ActionClass.OUR_DUPLICATE: "AB12 AM05 DS15 DU01 DU02 DU03 DU04 DU05 DUPL RF01",
    ActionClass.OUR_FORMAT: """
        AB13 AB15 AC02 AC05 AC10 AC13 AG02 AG04 AG05 AG08 AG12 AM01 AM03 AM09 AM10 AM11 AM12 AM16 AM17 AM18
        AM19 AM20 AM22 AMSE BE05 BE07 BE08 BE10 BE13 BE15 BE16 BE17 BE18 BE19 CERI CH03 CH04 CH07 CH09 CH10
        CH11 CH12 CH13 CH14 CH15 CH16 CH17 CH19 CH20 CH21 CH22 CHCO CHRG CURR DC04 DNOR DS04 DS08 DS09 DS0A
        DS0B DS0C DS0D DS0E DS0F DS0G DS0H DS0K DS10 DS11 DS12 DS13 DS14 DS16 DS17 DS18 DS19 DS20 DS21 DS22
        DS23 DS26 DS27 DS28 DT01 DT02 DT03 DT04 ED03 EDNA ERIN FF01 FF02 FF03 FF04 FF05 FF06 FF08 FF09 ID01
        INDT MINF NERI RC03 RC06 RC09 RC12 RC13 RR01 RR02 RR05 RR06 RR10 RR11 RR12 TD02 TD03 TK01 TK02 TK09
        TKCM TKSG TKSP TKXP
    """,
    ActionClass.TRY_LATER: """
        AB01 AB02 AB03 AB04 AB05 AB06 AB07 AB08 AB09 AB10 AB11 AG10 AG11 BDAY DC02 DT05 ED05 ED06 FF10 FF11
        ISWS NOAS NOFR SL15 SL16 TA01 TM01
    """,
    ActionClass.COMPLIANCE: "AM07 EMVL FR01 FRAD LEGL NOCM PINL RR04",
    ActionClass.RECALLED: "CN01 CUST CUTA DS02 FOCR FRTR MD06 RUTA SP01 SP02 UPAY",
    ActionClass.UNEXPLAINED: """
        AB26 AEXR AG09 AG13 ALAC APAR ARDT ARFR ARJR ATNS CHQC CNNS DS01 DS03 DS05 DS06 DS07 DS24 DS25 DT06
        ED01 EDTL EDTR EOL1 FF12 FF13 G000 G001 G002 G003 G004 G005 G006 IEDT INAR IPNS IRNR MD01 MD02 MD05
        MS02 MS03 NARR NOAR NOOR NOPG NRCH OSNS PINS RC15 RC16 RCON REPR RQNR RTNS S000 S001 S002 S003 S004
        SBRN SL01 SL02 SL03 SL11 SL12 SL13 SL14 SL17 SL18 SNRD SPII SVNR TD01 TRAC TS01 TS04
    """,
}

ACTIONS: Mapping[str, ActionClass] = {
    code: action for action, codes in _CODES.items() for code in codes.split()
}
"""Every code that is known, and what it asks for."""
