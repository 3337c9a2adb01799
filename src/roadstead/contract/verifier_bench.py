"""The bench on which a verifier is tested: the verifier, and a hand on whoever decides behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Protocol, cast

import pytest

from roadstead.contract.bench import Pushed
from roadstead.verification.protocol import (
    CaseDocument,
    Decision,
    IdentityVerifier,
    ProviderRef,
    VerificationCase,
)


class VerifierBench(Protocol):
    """What an integrator writes once, so that the suite can see both sides of a verifier."""

    @property
    def verifier(self) -> IdentityVerifier:
        """The verifier under test, over a provider for tests."""
        ...

    @property
    def decisions(self) -> Sequence[Decision]:
        """Every decision that `decide` can bring about, but for IN_REVIEW; ACCEPTED is among them."""
        ...

    def new_case(self, documents: Sequence[CaseDocument] = ()) -> VerificationCase:
        """Make a case that the provider takes, with an id that was never used and these documents."""
        ...

    async def decide(self, reference: ProviderRef, decision: Decision) -> bool:
        """Let the provider decide so of a case; False when it cannot decide so of this one any more."""
        ...

    async def cases(self, case: VerificationCase) -> int:
        """Count the cases that the provider has for this one, by its own word."""
        ...

    async def documents(self, case: VerificationCase) -> Mapping[str, int] | None:
        """Tell the size in bytes of each document that the provider has for a case, by field; None if it takes none."""
        ...

    async def lose_next_answer(self) -> bool:
        """Let the provider take the next case and lose its answer; False when no answer can be lost."""
        ...

    async def go_away(self) -> bool:
        """Let the provider not answer any more; False when it is always there."""
        ...

    def pushed(self, reference: ProviderRef) -> Pushed | None:
        """Make a genuine message of the provider about a case; None when it pushes none."""
        ...


OpenVerifierBench = Callable[[], AbstractAsyncContextManager[VerifierBench]]
"""What `--verifier package.module:factory` names: opens a bench over a provider that knows nothing yet."""


def named_verifier_bench(name: str | None) -> OpenVerifierBench:
    """Find the factory that `--verifier` names.

    Raises:
        pytest.UsageError: The option is missing, or names nothing that can be imported.
    """
    module_name, separator, attribute = (name or "").partition(":")
    if not separator:
        raise pytest.UsageError("Say which verifier is tested: --verifier package.module:factory.")
    try:
        return cast("OpenVerifierBench", getattr(import_module(module_name), attribute))
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"--verifier {name} cannot be imported: {error}") from error
