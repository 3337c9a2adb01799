"""The settings of rails that pay by file (kind `iso20022`)."""

from __future__ import annotations

from roadstead.config import file_forms as forms
from roadstead.config.definition import Definition
from roadstead.config.text_forms import PATH, whole_text

FILE_SETTINGS = (
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_CHANNEL",
        field="channel",
        form=forms.CHANNEL,
        default_words="none; a rail of kind iso20022 needs it",
        description="Where files are exchanged with the bank: SFTP, or a folder of this machine.",
        example="sftp://anchor@files.bank.example/payments",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_OUTGOING",
        field="outgoing",
        form=forms.FOLDER,
        default_words="out",
        description="The folder within the channel into which files for the bank are put.",
        example="out",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_INCOMING",
        field="incoming",
        form=forms.FOLDER,
        default_words="in",
        description="The folder within the channel from which the bank's files are fetched.",
        example="in",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_ARCHIVE",
        field="archive",
        form=forms.FOLDER,
        default_words="archive",
        description="The folder within the channel to which the bank's files are moved when they are understood.",
        example="archive",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_HOST_KEY",
        field="host_key",
        form=forms.HOST_KEY,
        default_words="none; SFTP needs it",
        description="The public key of the SFTP server. A server that shows another one is sent nothing.",
        example="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICUK7oxORHXu5MwVBTi27somDe1pxiNp1YKo6tGklcmt",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_CLIENT_KEY",
        field="client_key",
        form=PATH,
        default_words="none; SFTP needs it",
        description="The file with our private key of OpenSSH, without a passphrase, by which the server knows us.",
        example="/etc/roadstead/bank_ed25519",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_ACCOUNT",
        field="account",
        form=forms.OWN_ACCOUNT,
        default_words="none; a rail of kind iso20022 needs it",
        description="Our account at the bank, from which payouts are paid.",
        example="DE02120300000000202051",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_ACCOUNT_NAME",
        field="account_name",
        form=forms.OWN_NAME,
        default_words="none; a rail of kind iso20022 needs it",
        description="The holder of that account, as the bank knows us.",
        example="Example Anchor GmbH",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_BIC",
        field="bic",
        form=forms.BIC,
        default_words="none: the bank knows itself",
        description="The bank's BIC, where it wants to read it in our files.",
        example="BYLADEM1001",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_BATCH_ITEMS_MAX",
        field="batch_items_max",
        form=whole_text(1, 50_000),
        default_words="10000",
        description="Most payouts in one file.",
        example="10000",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_BATCH_AGE_MAX_S",
        field="batch_age_max_s",
        form=whole_text(1, 86_400),
        default_words="900",
        description="How long a batch takes payouts before its file is sent, if no cut-off comes first.",
        example="900",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_FILES_INTERVAL_S",
        field="files_interval_s",
        form=whole_text(1, 3_600),
        default_words="60",
        description="Seconds between two looks into the bank's folder.",
        example="60",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_FILES_KEPT_DAYS",
        field="files_kept_days",
        form=whole_text(61, 4_000),
        default_words="180",
        description="How long the contents of files are kept, which say who was paid; more than returns may take.",
        example="180",
    ),
)
"""The settings that rails of this kind have."""
