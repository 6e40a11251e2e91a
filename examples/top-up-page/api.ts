// The calls that the page makes, typed by the document (`npx openapi-typescript openapi.json -o schema.d.ts`).
import type { components } from "./schema.js";

export type Schemas = components["schemas"];

/** A refusal by the service: `code` is for programs, `detail` for people. */
export class Refused extends Error {
  constructor(readonly problem: Schemas["Problem"]) {
    super(problem.detail);
  }
}

export interface Service {
  /** Where the service is. */
  url: string;
  /** A token of the customer, from your backend. It is asked for each call, so it may renew itself. */
  token: () => Promise<string>;
}

export function api(service: Service, language: () => string) {
  const send = async (method: string, path: string, body?: unknown, key?: string, signal?: AbortSignal) => {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${await service.token()}`,
      "Accept-Language": language(),
    };
    const isFile = body instanceof Blob;
    if (body !== undefined) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
    if (key !== undefined) headers["Idempotency-Key"] = key;
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = isFile ? body : JSON.stringify(body);
    if (signal !== undefined) init.signal = signal;
    const response = await fetch(service.url + path, init);
    if (!response.ok) throw new Refused((await response.json()) as Schemas["Problem"]);
    return response;
  };
  const json = async <T>(...call: Parameters<typeof send>): Promise<T> => (await (await send(...call)).json()) as T;
  return {
    options: (currency?: string) =>
      json<Schemas["TopUpOptions"]>("GET", `/v1/top-up-options${currency === undefined ? "" : `?currency=${currency}`}`),
    quote: (body: Schemas["QuoteRequest"]) => json<Schemas["Quote"]>("POST", "/v1/quotes", body),
    /** The same key makes the order once, however often it is sent. */
    order: (body: Schemas["CreateTopUpOrder"], key: string) =>
      json<Schemas["TopUpOrder"]>("POST", "/v1/top-up-orders", body, key),
    orders: (cursor?: string) =>
      json<Schemas["OrderPage"]>("GET", `/v1/top-up-orders?limit=5${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
    getOrder: (id: string) => json<Schemas["TopUpOrder"]>("GET", `/v1/top-up-orders/${id}`),
    /** Asks the payment company now: for the page that the payer returns to. */
    verify: (id: string) => json<Schemas["TopUpOrder"]>("POST", `/v1/top-up-orders/${id}/verify`),
    /** The payer's proof of a bank transfer: a PDF, PNG or JPEG. */
    slip: (id: string, file: File) => json<Schemas["TransferSlip"]>("POST", `/v1/top-up-orders/${id}/transfer-slips`, file),
    statement: (month: string) => json<Schemas["AccountStatement"]>("GET", `/v1/statements/${month}`),
    cancel: (id: string) => json<Schemas["TopUpOrder"]>("POST", `/v1/top-up-orders/${id}/cancel`),
    balances: () => json<Schemas["BalanceList"]>("GET", "/v1/balances"),
    flows: (type: string, cursor?: string) =>
      json<Schemas["AccountFlowPage"]>(
        "GET",
        `/v1/account-flows?limit=8${type ? `&type=${type}` : ""}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      ),
    /** Tells of every change, and connects again by itself, where the stream ended. */
    async listen(told: (event: string, data: unknown) => void, connected: (yes: boolean) => void, signal: AbortSignal) {
      while (!signal.aborted) {
        try {
          const response = await send("GET", "/v1/balances/stream", undefined, undefined, signal);
          connected(true);
          const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
          let rest = "";
          for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            const messages = (rest + value).split("\n\n");
            rest = messages.pop() ?? "";
            for (const message of messages) {
              const lines = message.split("\n");
              const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
              const [event, data] = [field("event"), field("data")];
              if (event !== undefined && data !== undefined) told(event, JSON.parse(data));
            }
          }
        } catch (error) {
          if (signal.aborted) return;
        }
        connected(false);
        await new Promise((after) => setTimeout(after, 2000));
      }
    },
  };
}
