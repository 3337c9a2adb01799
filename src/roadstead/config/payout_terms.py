"""What an operator decides about payouts that a bank refuses or returns: the same in every environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from roadstead.config.forms import one_of, whole
from roadstead.config.schema import Form, Key, Section


class Response(StrEnum):
    """What follows a refusal."""

    ASK_CUSTOMER = "ask_customer"
    """The partner is asked for other data of the receiving client (SEP-12)."""
    ASK_TRANSACTION = "ask_transaction"
    """The partner is asked for other fields of the transaction (SEP-31 PATCH)."""
    RETRY = "retry"
    """It is tried again after a pause, which doubles each time."""
    REFUND = "refund"
    """The payout is cancelled and the money goes back."""
    HOLD = "hold"
    """A person decides."""


class ReturnResponse(StrEnum):
    """What follows money that came back."""

    REFUND = "refund"
    """It goes back to its payer."""
    HOLD = "hold"
    """A person decides whether it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTerms:
    """How often a payout is tried, how long its silence is borne, and what follows a refusal or a return.

    There is no choice after a refusal as a duplicate: an earlier one may have been paid, so a person decides.
    """

    attempts_max: int = 5
    """How many attempts are made before a person decides, and again after each time that a person lets it go on."""
    retry_after_s: int = 300
    """The first pause."""
    retry_after_max_s: int = 21_600
    """The longest pause."""
    unknown_after_s: int = 900
    """How long nobody knows what became of an attempt before a person is asked."""
    silent_after_s: int = 259_200
    """How long a bank that has an attempt says nothing more of it before a person is asked."""
    answer_within_s: int = 1_209_600
    """How long a partner has for what it is asked before a person decides."""
    fix_account: Response = Response.ASK_CUSTOMER
    fix_identity: Response = Response.ASK_CUSTOMER
    fix_reference: Response = Response.ASK_TRANSACTION
    account_unusable: Response = Response.REFUND
    over_limit: Response = Response.REFUND
    our_funds: Response = Response.RETRY
    our_format: Response = Response.HOLD
    try_later: Response = Response.RETRY
    compliance: Response = Response.HOLD
    recalled: Response = Response.REFUND
    unexplained: Response = Response.HOLD
    returned: ReturnResponse = ReturnResponse.REFUND


def _may(name: str, form: Form, description: str, example: str) -> Key:
    return Key(name=name, form=form, description=description, example=example)


def _response(name: str, description: str, example: Response) -> Key:
    return _may(name, one_of(Response), f"What follows a refusal because {description}.", f'"{example}"')


PAYOUTS = Section(
    name="payouts",
    make=PayoutTerms,
    many=False,
    description="What follows when a bank refuses a payout, returns it, or says nothing of it.",
    keys=(
        _may("attempts_max", whole(1, 50), "Attempts before a person decides.", "5"),
        _may("retry_after_s", whole(1, 86_400), "Seconds before another try; doubles each time.", "300"),
        _may("retry_after_max_s", whole(1, 604_800), "Most seconds before another try.", "21600"),
        _may(
            "unknown_after_s",
            whole(1, 604_800),
            "Seconds that nobody knows what became of an attempt before people are asked.",
            "900",
        ),
        _may(
            "silent_after_s",
            whole(60, 5_184_000),
            "Seconds that a bank says nothing more of an attempt it has before people are asked.",
            "259200",
        ),
        _may(
            "answer_within_s",
            whole(60, 31_536_000),
            "Seconds that a partner has to correct data before a person decides.",
            "1209600",
        ),
        _response("fix_account", "the receiving account is wrong", Response.ASK_CUSTOMER),
        _response("fix_identity", "name or address do not suit the account", Response.ASK_CUSTOMER),
        _response("fix_reference", "purpose or reference are wrong", Response.ASK_TRANSACTION),
        _response("account_unusable", "the receiving account is closed or blocked", Response.REFUND),
        _response("over_limit", "the amount is more than the bank carries", Response.REFUND),
        _response("our_funds", "our own account has not enough money", Response.RETRY),
        _response("our_format", "our instruction is malformed", Response.HOLD),
        _response("try_later", "the bank cannot do it now", Response.RETRY),
        _response("compliance", "the law may forbid it", Response.HOLD),
        _response("recalled", "it was called back", Response.REFUND),
        _response("unexplained", "of something else, or of nothing that is said", Response.HOLD),
        _may(
            "returned",
            one_of(ReturnResponse),
            "What follows when money comes back after it was settled.",
            '"refund"',
        ),
    ),
)
