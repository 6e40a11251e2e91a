// The main flow with generated types (openapi-typescript) and openapi-fetch: top up, see the balance arrive on the
// stream, move money, spend it, read the movements, and meet the errors that a program must tell apart.
import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const url = env("TOPUP");
const customerId = env("CUSTOMER_ID");

function client(token: string): Client<paths> {
  const client = createClient<paths>({ baseUrl: url });
  const authorize: Middleware = {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
  };
  client.use(authorize);
  return client;
}

const customer = client(env("CUSTOMER"));
const service = client(env("SERVICE"));
const operator = client(env("OPERATOR"));

function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`);
}

function need<T>(answer: { data?: T; error?: Problem; response: Response }): T {
  if (answer.error !== undefined || answer.data === undefined) {
    throw new Error(`${answer.response.status} ${answer.error?.code}: ${answer.error?.detail}`);
  }
  return answer.data;
}

const key = (): { "Idempotency-Key": string } => ({ "Idempotency-Key": crypto.randomUUID() });

interface StreamEvent {
  name: string;
  data: unknown;
}

// Opens the stream of balances by fetch, which can send the token; an EventSource cannot.
async function openStream(signal: AbortSignal): Promise<AsyncGenerator<StreamEvent>> {
  const { data, response } = await customer.GET("/v1/balances/stream", { parseAs: "stream", signal });
  expect(response.ok && data !== undefined && data !== null, `the stream opens (${response.status})`);
  return read((data as ReadableStream<Uint8Array>).getReader());
}

async function* read(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const messages = rest.split("\n\n");
    rest = messages.pop() ?? "";
    for (const message of messages) {
      const field = (name: string): string | undefined =>
        message.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const name = field("event");
      const text = field("data");
      if (name !== undefined && text !== undefined) yield { name, data: JSON.parse(text) };
    }
  }
}

async function untilTold(name: string, stream: AsyncGenerator<StreamEvent>): Promise<unknown> {
  for await (const event of stream) if (event.name === name) return event.data;
  throw new Error(`the stream ended without ${name}`);
}

const options = need(await customer.GET("/v1/top-up-options", { params: { query: { currency: "CNY" } } }));
expect(options.presets.length > 0, "there are presets");

need(
  await customer.PUT("/v1/billing-profile", {
    body: { name: "Generated Ltd", email: "generated@example.com", country: "VN" },
  }),
);
const quote = need(
  await customer.POST("/v1/quotes", { body: { currency: "CNY", amount: "80.00", channel: "bank_transfer" } }),
);
expect(quote.channels.some((channel) => channel.channel === "bank_transfer"), "bank transfers have a price");

const abort = new AbortController();
const stream = await openStream(abort.signal);
const body: components["schemas"]["CreateTopUpOrder"] = {
  currency: "CNY",
  amount: "80.00",
  channel: "bank_transfer",
  agreement_accepted: true,
  bank_transfer: { remitter_name: "Generated Ltd", remitter_bank: "Test Bank" },
};
const params = { header: key() };
const order = need(await customer.POST("/v1/top-up-orders", { params, body }));
expect(order.status === "pending" && order.next_action?.type === "bank_transfer", "the order waits for a transfer");
const again = await customer.POST("/v1/top-up-orders", { params, body });
expect(again.data?.id === order.id, "the same key makes no second order");
expect(again.response.headers.get("Idempotent-Replayed") === "true", "and the answer says so");

const approved = await operator.POST("/v1/admin/top-up-orders/{order_id}/approve", {
  params: { path: { order_id: order.id }, header: key() },
  body: {
    received_amount: "80.00",
    bank_transaction_id: `TS-${Date.now()}`,
    received_on: new Date().toISOString().slice(0, 10),
    confirm_not_duplicate: true,
  },
});
expect(need(approved).status === "completed", "the order is completed");
await untilTold("order.updated", stream);
abort.abort();

const balances = need(await customer.GET("/v1/balances", { params: { query: { currency: "CNY" } } }));
const main = balances.balances.find((balance) => balance.product === null);
expect(main?.available === "80.00", `80.00 are available, not ${main?.available}`);

need(
  await customer.POST("/v1/transfers", {
    params: { header: key() },
    body: { currency: "CNY", amount: "30.00", to_product: "whatsapp" },
  }),
);
const call = { id: `ts-${customerId}`, customer_id: customerId, currency: "CNY", product: "whatsapp" };
need(await service.POST("/v1/usage", { body: { ...call, amount: "0.0125" } }));

const flows: string[] = [];
for (let cursor: string | undefined; ; ) {
  const page = need(
    await customer.GET("/v1/account-flows", {
      params: { query: { type: ["recharge", "transfer_out", "transfer_in", "consume"], limit: 2, cursor } },
    }),
  );
  flows.push(...page.data.map((flow) => flow.type));
  if (!page.has_more || page.next_cursor == null) break;
  cursor = page.next_cursor;
}
expect(flows.sort().join() === "consume,recharge,transfer_in,transfer_out", `the movements are ${flows}`);

// The errors: by status and code, with what a program needs to go on.
const short = await service.POST("/v1/usage", { body: { ...call, id: `${call.id}-2`, amount: "1000" } });
expect(short.response.status === 402 && short.error?.code === "insufficient_funds", "too much is 402");
expect(short.error.insufficient_funds?.shortfall === "970.0125", "and says what is missing");
const invalid = await customer.POST("/v1/quotes", { body: { currency: "CNY", amount: "1.001" } });
expect(invalid.response.status === 422 && invalid.error?.errors?.[0]?.pointer === "/amount", "422 names the field");
const absent = await customer.GET("/v1/top-up-orders/{order_id}", {
  params: { path: { order_id: "tuo_00000000000000000000000000000000" } },
});
expect(absent.response.status === 404 && absent.error?.code === "not_found", "an unknown order is 404");
const refused = await client("no-token").GET("/v1/balances");
expect(refused.response.status === 401 && refused.error?.code === "unauthorized", "without a token it is 401");

console.log("TypeScript: the whole flow ran");
