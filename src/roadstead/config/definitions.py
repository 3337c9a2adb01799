"""The settings: every environment variable with its form, its default, an example and what it is for.

This one table reads the environment, checks it, shows it (`roadstead config show`) and writes docs/configuration.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from roadstead.config import examples
from roadstead.config import text_forms as forms
from roadstead.config.networks import Network
from roadstead.config.schema import Form

DEFAULT = "default"
NETWORK_DEFAULT = "network default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One environment variable."""

    variable: str
    """Its name; `<CODE>` and `<NAME>` stand for an asset's code and a rail's name in capital letters."""
    field: str
    """The attribute of `Settings` (or of `RailSettings`) that holds it."""
    form: Form
    required: bool = False
    """Whether every start needs it."""
    default: str | None = None
    """The value when none is given, in the form of the variable itself."""
    default_words: str = ""
    """What the default is, where it is not a fixed value."""
    secret: bool = False
    """Whether its value is never shown, and may be given as the path of a file in the variable `..._FILE`."""
    description: str
    example: str

    @property
    def expected(self) -> str:
        """What it must look like, with an example."""
        return f"It must be {self.form.words}, for example: {self.variable}={self.example}"


SETTINGS = (
    Definition(
        variable="ROADSTEAD_NETWORK",
        field="network",
        form=forms.member_of(Network),
        required=True,
        description="The network on which the anchor runs; decides what is allowed and several defaults.",
        example="testnet",
    ),
    Definition(
        variable="ROADSTEAD_NETWORK_PASSPHRASE",
        field="network_passphrase",
        form=forms.PASSPHRASE,
        default_words="the network's own",
        description="The passphrase that every signature covers.",
        example="Test SDF Network ; September 2015",
    ),
    Definition(
        variable="ROADSTEAD_HORIZON_URLS",
        field="horizon_urls",
        form=forms.BASE_URLS,
        default_words="the network's public one",
        description="The Horizon servers from which payments are read and to which refunds are submitted, best first.",
        example="https://horizon.example,https://horizon-testnet.stellar.org",
    ),
    Definition(
        variable="ROADSTEAD_HORIZON_LAG_MAX_S",
        field="horizon_lag_max_s",
        form=forms.whole_text(10, 3_600),
        default="60",
        description="Seconds since the last ledger that a Horizon shows, after which it counts as lagging.",
        example="60",
    ),
    Definition(
        variable="ROADSTEAD_ANCHOR_FILE",
        field="anchor_file",
        form=forms.PATH,
        default="anchor.toml",
        description="The file that says what the anchor offers; the same in every environment.",
        example="/etc/roadstead/anchor.toml",
    ),
    Definition(
        variable="ROADSTEAD_HOME_DOMAIN",
        field="home_domain",
        form=forms.HOME_DOMAIN,
        required=True,
        description="The domain that serves stellar.toml and that partners authenticate with (SEP-1, SEP-10).",
        example="anchor.example",
    ),
    Definition(
        variable="ROADSTEAD_HOME_DOMAINS",
        field="more_home_domains",
        form=forms.HOME_DOMAINS,
        default_words="none",
        description="Further home domains for which challenges are handed out, beside ROADSTEAD_HOME_DOMAIN (SEP-10).",
        example="old.anchor.example,anchor2.example",
    ),
    Definition(
        variable="ROADSTEAD_PUBLIC_URL",
        field="public_url",
        form=forms.BASE_URL,
        default_words="https:// and ROADSTEAD_HOME_DOMAIN",
        description="The address under which partners reach the API; stellar.toml's endpoints begin with it.",
        example="https://api.anchor.example",
    ),
    Definition(
        variable="ROADSTEAD_SIGNING_SECRET",
        field="signing_secret",
        form=forms.SEED,
        required=True,
        secret=True,
        description="Signs authentication challenges and callbacks (SEP-1 SIGNING_KEY). It holds no money.",
        example=examples.SIGNING_SEED,
    ),
    Definition(
        variable="ROADSTEAD_DISTRIBUTION_ACCOUNT",
        field="distribution_account",
        form=forms.ACCOUNT,
        required=True,
        description="The account that receives payments. Receiving needs only its public key.",
        example=examples.DISTRIBUTION_ACCOUNT,
    ),
    Definition(
        variable="ROADSTEAD_DISTRIBUTION_SECRET",
        field="distribution_secret",
        form=forms.SEED,
        default_words="none: refunds wait",
        secret=True,
        description="Signs what leaves the distribution account. Give it to workers, and to no other process.",
        example=examples.DISTRIBUTION_SEED,
    ),
    Definition(
        variable="ROADSTEAD_ALLOW_SECRET_IN_ENVIRONMENT",
        field="allow_secret_in_environment",
        form=forms.BOOLEAN,
        default="false",
        description="Whether ROADSTEAD_DISTRIBUTION_SECRET may be used where money is real.",
        example="true",
    ),
    Definition(
        variable="ROADSTEAD_OWN_ACCOUNTS",
        field="own_accounts",
        form=forms.ACCOUNTS,
        default_words="none",
        description="Our accounts (treasury, market making) beside the distribution account and our issuers.",
        example=examples.OWN_ACCOUNT,
    ),
    Definition(
        variable="ROADSTEAD_JWT_SECRET",
        field="jwt_secret",
        form=forms.JWT_SECRET,
        required=True,
        secret=True,
        description="Signs the tokens that partners get when they authenticate.",
        example=examples.JWT_SECRET,
    ),
    Definition(
        variable="ROADSTEAD_JWT_SECRET_PREVIOUS",
        field="jwt_secret_previous",
        form=forms.JWT_SECRET,
        default_words="none",
        secret=True,
        description="The former ROADSTEAD_JWT_SECRET: its tokens hold on for their hour while the new one signs.",
        example=examples.JWT_SECRET_PREVIOUS,
    ),
    Definition(
        variable="ROADSTEAD_REQUIRE_PARTNER_AT_AUTHENTICATION",
        field="require_partner_at_authentication",
        form=forms.BOOLEAN,
        default_words="the network's",
        description="Whether accounts of no partner are refused already when they authenticate (SEP-10).",
        example="true",
    ),
    Definition(
        variable="ROADSTEAD_REQUIRE_CLIENT_ATTRIBUTION",
        field="require_client_attribution",
        form=forms.BOOLEAN,
        default="false",
        description="Whether a challenge needs an Authorization header that its client signed (SEP-10).",
        example="false",
    ),
    Definition(
        variable="ROADSTEAD_DATA_KEY",
        field="data_key",
        form=forms.DATA_KEY,
        required=True,
        secret=True,
        description="Wraps the keys that encrypt customers' data. Without it that data is lost: keep a copy.",
        example=examples.DATA_KEY,
    ),
    Definition(
        variable="ROADSTEAD_DATABASE_URL",
        field="database_url",
        form=forms.DATABASE_URL,
        default_words="a PostgreSQL server of our own in ROADSTEAD_STATE_DIR (not where real money is)",
        secret=True,
        description="The database, with the role that the server works with.",
        example=examples.DATABASE_URL,
    ),
    Definition(
        variable="ROADSTEAD_DATABASE_OWNER_URL",
        field="database_owner_url",
        form=forms.DATABASE_URL,
        default_words="ROADSTEAD_DATABASE_URL",
        secret=True,
        description="The same database, with the role that owns the tables; only migrations use it.",
        example=examples.DATABASE_OWNER_URL,
    ),
    Definition(
        variable="ROADSTEAD_DATABASE_POOL_MAX",
        field="database_pool_max",
        form=forms.whole_text(4, 500),
        default="10",
        description="Most connections to the database that one process holds; a leader's lease needs one for itself.",
        example="10",
    ),
    Definition(
        variable="ROADSTEAD_STATE_DIR",
        field="state_dir",
        form=forms.PATH,
        default_words="~/.local/state/roadstead",
        description="The folder for what this machine keeps: the embedded database and its logs.",
        example="/var/lib/roadstead",
    ),
    Definition(
        variable="ROADSTEAD_RATES_URL",
        field="rates_url",
        form=forms.BASE_URL,
        default_words="none; a rate source of kind http needs it",
        description="Where the exchange rates of a source of kind http are read.",
        example="https://rates.example/v1/rates",
    ),
    Definition(
        variable="ROADSTEAD_RATES_TOKEN",
        field="rates_token",
        form=forms.TOKEN,
        default_words="none",
        secret=True,
        description="What the source of rates knows us by, if it needs that.",
        example=examples.RATES_TOKEN,
    ),
    Definition(
        variable="ROADSTEAD_ALERT_WEBHOOK_URL",
        field="alert_webhook_url",
        form=forms.WEBHOOK_URL,
        default_words="none",
        secret=True,
        description="Where alerts are sent by POST, signed; it may be a private address.",
        example=examples.ALERT_WEBHOOK_URL,
    ),
    Definition(
        variable="ROADSTEAD_ALERT_WEBHOOK_SECRET",
        field="alert_webhook_secret",
        form=forms.JWT_SECRET,
        default_words="none; ROADSTEAD_ALERT_WEBHOOK_URL needs it",
        secret=True,
        description="Signs what is sent to ROADSTEAD_ALERT_WEBHOOK_URL (HMAC-SHA256), so that it is known to be ours.",
        example=examples.ALERT_WEBHOOK_SECRET,
    ),
    Definition(
        variable="ROADSTEAD_SMTP_URL",
        field="smtp_url",
        form=forms.SMTP_URL,
        default_words="none",
        secret=True,
        description="The mail server through which alerts are mailed: smtp (turns to TLS) or smtps (begins with it).",
        example=examples.SMTP_URL,
    ),
    Definition(
        variable="ROADSTEAD_ALERT_EMAIL_FROM",
        field="alert_email_from",
        form=forms.EMAIL,
        default_words="none; ROADSTEAD_SMTP_URL needs it",
        description="The address from which alerts are mailed.",
        example="roadstead@anchor.example",
    ),
    Definition(
        variable="ROADSTEAD_ALERT_EMAIL_TO",
        field="alert_email_to",
        form=forms.EMAILS,
        default_words="none; ROADSTEAD_SMTP_URL needs it",
        description="Who is told of alerts by mail.",
        example="on-call@anchor.example,treasury@anchor.example",
    ),
    Definition(
        variable="ROADSTEAD_API_HOST",
        field="api_host",
        form=forms.HOST,
        default="127.0.0.1",
        description="The address on which the API listens; put a proxy with TLS in front of it.",
        example="0.0.0.0",  # noqa: S104 - an example of a value, nothing is bound here
    ),
    Definition(
        variable="ROADSTEAD_API_PORT",
        field="api_port",
        form=forms.whole_text(0, 65_535),
        default="8080",
        description="The port on which the API listens; 0 lets the system choose.",
        example="8080",
    ),
    Definition(
        variable="ROADSTEAD_TRUSTED_PROXIES",
        field="trusted_proxies",
        form=forms.IP_NETWORKS,
        default_words="none: X-Forwarded-For is ignored",
        description="The proxies whose X-Forwarded-For says where a request comes from.",
        example="10.0.0.0/8",
    ),
    Definition(
        variable="ROADSTEAD_INTERNAL_HOST",
        field="internal_host",
        form=forms.HOST,
        default="127.0.0.1",
        description="The address for health, readiness and metrics; never expose it to the internet.",
        example="127.0.0.1",
    ),
    Definition(
        variable="ROADSTEAD_INTERNAL_PORT",
        field="internal_port",
        form=forms.whole_text(0, 65_535),
        default="8081",
        description="The port for health, readiness and metrics; 0 lets the system choose.",
        example="8081",
    ),
    Definition(
        variable="ROADSTEAD_LOG_LEVEL",
        field="log_level",
        form=forms.word_of("debug", "info", "warning", "error"),
        default="info",
        description="The least severe messages that are logged.",
        example="info",
    ),
    Definition(
        variable="ROADSTEAD_LOG_FORMAT",
        field="log_format",
        form=forms.word_of("json", "text"),
        default="json",
        description="One JSON object a line for machines, or text for people.",
        example="json",
    ),
    Definition(
        variable="ROADSTEAD_DEBUG",
        field="debug",
        form=forms.BOOLEAN,
        default="false",
        description="Shows the inside of errors to callers. Refused where money is real.",
        example="false",
    ),
)
"""The settings that every anchor has."""

ISSUER = Definition(
    variable="ROADSTEAD_ASSET_<CODE>_ISSUER",
    field="issuers",
    form=forms.ACCOUNT,
    required=True,
    description="The account that issues the asset on this network; one for each of [[assets]].",
    example=examples.ISSUER,
)

RAIL_SETTINGS = (
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_KIND",
        field="kind",
        form=forms.RAIL_KIND,
        default_words="simulated, except where money is real: there it must be said",
        description="What stands behind a rail of [[rails]].",
        example="our_bank.rails:open_rail",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_URL",
        field="url",
        form=forms.BASE_URL,
        default_words="none",
        description="Where the rail is reached; a simulated rail needs it, and others if they say so.",
        example="https://bank.example/api",
    ),
    Definition(
        variable="ROADSTEAD_RAIL_<NAME>_TOKEN",
        field="token",
        form=forms.TOKEN,
        default_words="none",
        secret=True,
        description="What the rail knows us by, if its kind needs that.",
        example=examples.RAIL_TOKEN,
    ),
)
"""The settings that each rail has."""


def all_definitions() -> tuple[Definition, ...]:
    """Return every definition, in the order in which they are documented."""
    return (*SETTINGS, ISSUER, *RAIL_SETTINGS)
