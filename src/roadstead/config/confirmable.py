"""The fields of SEP-9 that customers can confirm with a code, and how it is sent to them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class MessageChannel(StrEnum):
    """How a customer is reached."""

    EMAIL = "email"
    PHONE = "phone"


CONFIRMABLE: Final = {
    "email_address": MessageChannel.EMAIL,
    "mobile_number": MessageChannel.PHONE,
    "organization.email": MessageChannel.EMAIL,
    "organization.phone": MessageChannel.PHONE,
}
