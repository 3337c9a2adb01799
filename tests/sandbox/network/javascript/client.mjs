// Talks to the offline network through the official JavaScript SDK; prints one line of JSON.
import {
  Asset,
  BASE_FEE,
  Horizon,
  Keypair,
  Memo,
  Operation,
  TransactionBuilder,
} from "@stellar/stellar-sdk";

const [url, networkPassphrase] = process.argv.slice(2);
const server = new Horizon.Server(url, { allowHttp: true });

async function funded() {
  const keypair = Keypair.random();
  await server.friendbot(keypair.publicKey()).call();
  return keypair;
}

async function submit(signer, ...operations) {
  const account = await server.loadAccount(signer.publicKey());
  const timebounds = await server.fetchTimebounds(60);
  const builder = new TransactionBuilder(account, { fee: BASE_FEE, networkPassphrase, timebounds });
  operations.forEach((operation) => builder.addOperation(operation));
  const transaction = builder.addMemo(Memo.id("4711")).build();
  transaction.sign(signer);
  return server.submitTransaction(transaction);
}

const issuer = await funded();
const holder = await funded();
const usd = new Asset("USD", issuer.publicKey());

const streamed = new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error("no event came")), 15000);
  const close = server
    .payments()
    .forAccount(holder.publicKey())
    .cursor("0")
    .stream({
      onmessage: (payment) => {
        if (payment.type !== "payment") return;
        clearTimeout(timer);
        close();
        resolve(payment.amount);
      },
    });
});

await submit(holder, Operation.changeTrust({ asset: usd, limit: "1000" }));
const paid = await submit(
  issuer,
  Operation.payment({ destination: holder.publicKey(), asset: usd, amount: "12.5" }),
);

let refusal = null;
try {
  await submit(
    holder,
    Operation.payment({ destination: issuer.publicKey(), asset: usd, amount: "99" }),
  );
} catch (error) {
  refusal = error.response.data.extras.result_codes;
}

const account = await server.loadAccount(holder.publicKey());
const fees = await server.feeStats();
const effects = await server.effects().forAccount(holder.publicKey()).call();

console.log(
  JSON.stringify({
    successful: paid.successful,
    balance: account.balances[0].balance,
    refusal,
    streamed: await streamed,
    baseFee: fees.last_ledger_base_fee,
    effects: effects.records.map((effect) => effect.type),
  }),
);
process.exit(0);
