"""The settings of verification: whether customers are verified at all, and what stands behind each verifier."""

from __future__ import annotations

from roadstead.config import examples
from roadstead.config import text_forms as forms
from roadstead.config.definition import Definition

OFFLINE = "offline"
"""The kind that takes for true what is well-formed."""
MANUAL = "manual"
"""The kind that lets people decide."""
HTTP = "http"
"""The kind that asks a provider over HTTP."""

KYC_VALIDATION = Definition(
    variable="ROADSTEAD_KYC_VALIDATION",
    field="kyc_validation",
    form=forms.word_of("on", "off"),
    default_words="on where money is real, else off",
    description="Whether customers' data are verified beyond their form. Where money is real it cannot be off.",
    example="on",
)

VERIFIER_SETTINGS = (
    Definition(
        variable="ROADSTEAD_VERIFIER_<NAME>_KIND",
        field="kind",
        form=forms.kind_of(OFFLINE, MANUAL, HTTP, what="a verifier"),
        default_words="none; needed where customers are verified",
        description="What stands behind a verifier of [[verifiers]].",
        example=HTTP,
    ),
    Definition(
        variable="ROADSTEAD_VERIFIER_<NAME>_URL",
        field="url",
        form=forms.BASE_URL,
        default_words="none; the kind http needs it",
        description="Where the verifier is reached, if its kind needs that.",
        example="https://identity.example/v1",
    ),
    Definition(
        variable="ROADSTEAD_VERIFIER_<NAME>_SECRET",
        field="secret",
        form=forms.JWT_SECRET,
        default_words="none; the kind http needs it",
        secret=True,
        description="Signs what is sent to the verifier and proves what it sends (HMAC-SHA256).",
        example=examples.VERIFIER_SECRET,
    ),
)
"""The settings that each verifier has."""
