"""Every kind of operation with its rule."""

from roadstead.sandbox.network.ledger.outcome import OUTER, Outcome, refused_outside

from . import accounts, data, options, payments, trust
from .rule import Rule, Turn, high, low


def _not_supported(_turn: Turn) -> Outcome:
    return refused_outside(OUTER.opNOT_SUPPORTED)


def _missing(name: str) -> Rule:
    return Rule(name=name, apply=_not_supported, supported=False)


RULES: dict[int, Rule] = {
    0: Rule(name="create_account", check=accounts.check_create, apply=accounts.apply_create),
    1: Rule(name="payment", check=payments.check_payment, apply=payments.apply_payment),
    2: Rule(
        name="path_payment_strict_receive",
        check=payments.check_receive,
        apply=payments.apply_receive,
    ),
    3: _missing("manage_sell_offer"),
    4: _missing("create_passive_sell_offer"),
    5: Rule(name="set_options", check=options.check, apply=options.apply, threshold=options.threshold),
    6: Rule(name="change_trust", check=trust.check, apply=trust.apply),
    7: _missing("allow_trust"),
    8: Rule(
        name="account_merge",
        check=accounts.check_merge,
        apply=accounts.apply_merge,
        threshold=high,
    ),
    9: _missing("inflation"),
    10: Rule(name="manage_data", check=data.check, apply=data.apply),
    11: Rule(
        name="bump_sequence",
        check=accounts.check_bump,
        apply=accounts.apply_bump,
        threshold=low,
    ),
    12: _missing("manage_buy_offer"),
    13: Rule(name="path_payment_strict_send", check=payments.check_send, apply=payments.apply_send),
    14: _missing("create_claimable_balance"),
    15: _missing("claim_claimable_balance"),
    16: _missing("begin_sponsoring_future_reserves"),
    17: _missing("end_sponsoring_future_reserves"),
    18: _missing("revoke_sponsorship"),
    19: _missing("clawback"),
    20: _missing("clawback_claimable_balance"),
    21: _missing("set_trust_line_flags"),
    22: _missing("liquidity_pool_deposit"),
    23: _missing("liquidity_pool_withdraw"),
}
