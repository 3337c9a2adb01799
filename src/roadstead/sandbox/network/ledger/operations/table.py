"""Every kind of operation with its rule."""

from roadstead.sandbox.network.ledger.outcome import OUTER, Outcome, refused_outside

from . import accounts, authorization, claimable, data, offers, options, payments, sponsoring, trust
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
    3: Rule(name="manage_sell_offer", check=offers.check_sell, apply=offers.apply_sell),
    4: Rule(name="create_passive_sell_offer", check=offers.check_passive, apply=offers.apply_passive),
    5: Rule(name="set_options", check=options.check, apply=options.apply, threshold=options.threshold),
    6: Rule(name="change_trust", check=trust.check, apply=trust.apply),
    7: Rule(
        name="allow_trust", check=authorization.check_allow, apply=authorization.apply_allow, threshold=low
    ),
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
    12: Rule(name="manage_buy_offer", check=offers.check_buy, apply=offers.apply_buy),
    13: Rule(name="path_payment_strict_send", check=payments.check_send, apply=payments.apply_send),
    14: Rule(name="create_claimable_balance", check=claimable.check_create, apply=claimable.apply_create),
    15: Rule(name="claim_claimable_balance", apply=claimable.apply_claim, threshold=low),
    16: Rule(
        name="begin_sponsoring_future_reserves", check=sponsoring.check_begin, apply=sponsoring.apply_begin
    ),
    17: Rule(name="end_sponsoring_future_reserves", apply=sponsoring.apply_end),
    18: Rule(name="revoke_sponsorship", check=sponsoring.check_revoke, apply=sponsoring.apply_revoke),
    19: Rule(name="clawback", check=authorization.check_clawback, apply=authorization.apply_clawback),
    20: Rule(name="clawback_claimable_balance", apply=claimable.apply_clawback),
    21: Rule(
        name="set_trust_line_flags",
        check=authorization.check_flags,
        apply=authorization.apply_flags,
        threshold=low,
    ),
    22: _missing("liquidity_pool_deposit"),
    23: _missing("liquidity_pool_withdraw"),
}
