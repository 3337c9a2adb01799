// Does what a wallet does: find the anchor by its home domain, check the challenge, sign it, use the token.
import { Keypair, StellarToml, TransactionBuilder, WebAuth } from "@stellar/stellar-sdk";

const [homeDomain, secret, memo] = process.argv.slice(2);
const keypair = Keypair.fromSecret(secret);

const anchor = await StellarToml.Resolver.resolve(homeDomain, { allowHttp: true });
const endpoint = new URL(anchor.WEB_AUTH_ENDPOINT);
const query = new URLSearchParams({ account: keypair.publicKey(), home_domain: homeDomain });
if (memo) query.set("memo", memo);

const challenge = await (await fetch(`${endpoint}?${query}`)).json();
const read = WebAuth.readChallengeTx(
  challenge.transaction,
  anchor.SIGNING_KEY,
  anchor.NETWORK_PASSPHRASE,
  homeDomain,
  endpoint.host,
);
const transaction = TransactionBuilder.fromXDR(challenge.transaction, anchor.NETWORK_PASSPHRASE);
transaction.sign(keypair);
const signers = WebAuth.verifyChallengeTxSigners(
  transaction.toXDR(),
  anchor.SIGNING_KEY,
  anchor.NETWORK_PASSPHRASE,
  [keypair.publicKey()],
  homeDomain,
  endpoint.host,
);

const exchange = async (headers, body) => {
  const answer = await fetch(endpoint, { method: "POST", headers, body });
  return { status: answer.status, ...(await answer.json()) };
};
const body = { transaction: transaction.toXDR() };
const asJson = await exchange({ "Content-Type": "application/json" }, JSON.stringify(body));
const again = await exchange({}, new URLSearchParams(body));
const claims = JSON.parse(Buffer.from(asJson.token.split(".")[1], "base64url"));

const path = `${anchor.DIRECT_PAYMENT_SERVER}/transactions/not-an-id`;
const withToken = await fetch(path, { headers: { Authorization: `Bearer ${asJson.token}` } });
const withoutToken = await fetch(path);

console.log(
  JSON.stringify({
    client: read.clientAccountID,
    memo: read.memo,
    matched: read.matchedHomeDomain,
    signers,
    subject: claims.sub,
    issuer: claims.iss,
    again: again.status,
    withToken: withToken.status,
    withoutToken: withoutToken.status,
  }),
);
