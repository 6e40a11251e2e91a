// A top-up page: balance, top-up by every channel, orders and movements, live. It needs no framework and no library.
//
// Copy this folder, and give `service` the address of your installation and a way to a customer's token. The service must
// know the page's origin (`TOPUP_CORS_ORIGINS`). As it stands, both come from the address: `#service=…&token=…`.
import { api, Refused, type Schemas, type Service } from "./api.js";
import { fill, texts, type Language, type Texts } from "./texts.js";

const given = new URLSearchParams(location.hash.slice(1));
for (const name of ["service", "token"]) {
  const value = given.get(name);
  if (value !== null) sessionStorage.setItem(name, value); // A payer who returns has no hash any more.
}
if (given.has("token")) history.replaceState(null, "", location.pathname + location.search);
const service: Service = {
  url: sessionStorage.getItem("service") ?? "",
  token: async () => sessionStorage.getItem("token") ?? "",
};

const known: Language[] = ["en", "zh-CN", "vi"];
let language: Language =
  known.find((one) => one === localStorage.getItem("language")) ??
  known.find((one) => navigator.language.startsWith(one.slice(0, 2))) ??
  "en";
let say: Texts = texts(language);
const call = api(service, () => language);

const $ = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const make = (tag: string, text = "", className = ""): HTMLElement =>
  Object.assign(document.createElement(tag), { textContent: text, className });
const money = (amount: string, currency: string): string =>
  new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 8 }).format(amount as never);
const day = (moment: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
const channelName = (channel: Schemas["PaymentChannel"]): string =>
  channel === "balance" ? say.fromBalance : (say[channel] ?? channel);
const statusName = (status: Schemas["TopUpOrderStatus"]): string =>
  status === "failed" ? say.fails : (say[status] ?? status);
const word = (code: string | null | undefined, otherwise: string | null | undefined): string =>
  (code != null && code in say ? say[code as keyof Texts] : otherwise) ?? "";

let options: Schemas["TopUpOptions"];
let before: Schemas["TopUpOptions"] | undefined;
let quote: Schemas["Quote"] | undefined;
let channel: Schemas["PaymentChannel"] | undefined;
let asked = 0;
let key = crypto.randomUUID();

function tell(text: string, isBad = false): void {
  $("message").textContent = text;
  $("message").hidden = text === "";
  $("message").classList.toggle("bad", isBad);
}

/** Does what a person asked for; says what was refused in the service's own words. An old answer says nothing. */
async function attempt(work: () => Promise<void>, isCurrent = () => true): Promise<void> {
  try {
    await work();
    if (isCurrent() && $("message").classList.contains("bad")) tell("");
  } catch (error) {
    if (!isCurrent()) return;
    const problem = error instanceof Refused ? error.problem : undefined;
    const fields = problem?.errors?.map((field) => word(field.code, field.detail)).join(" ");
    const changed = problem?.code === "price_changed" || problem?.code === "agreement_changed";
    tell(changed ? say.changed : fields || problem?.detail || say.failed, true);
    if (changed) await choose(options.currency);
  }
}

async function choose(currency?: string): Promise<void> {
  before = options;
  options = await call.options(currency);
  const select = $<HTMLSelectElement>("currency");
  select.replaceChildren(...options.currencies.map((one) => new Option(one.currency, one.currency)));
  select.value = options.currency;
  $("presets").replaceChildren(
    ...options.presets.map((preset) => {
      const button = make("button", money(preset, options.currency));
      button.setAttribute("type", "button");
      button.dataset["amount"] = preset;
      button.onclick = () => setAmount(preset);
      return button;
    }),
  );
  const agreement = $<HTMLAnchorElement>("agreement");
  agreement.textContent = `${say.agree} (${options.agreement?.version ?? "–"})`;
  if (options.agreement != null) agreement.href = options.agreement.url;
  // What was typed and agreed to stays, where it still means the same.
  if (before?.agreement?.version !== options.agreement?.version) $<HTMLInputElement>("agree").checked = false;
  const typed = before?.currency === options.currency ? $<HTMLInputElement>("amount").value : "";
  setAmount(typed || (options.presets[0] ?? options.minimum));
}

function setAmount(amount: string): void {
  $<HTMLInputElement>("amount").value = amount;
  void price();
}

/** Asks for the price of what is chosen; an answer that comes late counts nothing. */
async function price(): Promise<void> {
  const amount = $<HTMLInputElement>("amount").value.trim();
  for (const button of $("presets").children) {
    button.setAttribute("aria-pressed", String((button as HTMLElement).dataset["amount"] === amount));
  }
  const mine = ++asked;
  quote = undefined;
  ready();
  await attempt(async () => {
    const answer = await call.quote({ currency: options.currency, amount });
    if (mine !== asked) return;
    quote = answer;
    const usable = answer.channels.filter((one) => one.eligible);
    if (!usable.some((one) => one.channel === channel)) {
      channel = (usable.find((one) => one.recommended) ?? usable[0])?.channel;
    }
    showChannels();
  }, () => mine === asked);
}

function showChannels(): void {
  $("channels").replaceChildren(
    ...(quote?.channels ?? []).map((one) => {
      const label = make("label");
      const radio = Object.assign(document.createElement("input"), {
        type: "radio", name: "channel", value: one.channel, disabled: !one.eligible, checked: one.channel === channel,
      });
      radio.onchange = () => {
        channel = one.channel;
        ready();
      };
      const limits = fill(say.between, {
        minimum: money(one.minimum, options.currency), maximum: money(one.maximum, options.currency),
      });
      const why = one.eligible ? (one.processing_time ?? "") : `${word(one.reason_code, one.reason)} ${limits}`;
      const fee = one.fee != null && Number(one.fee) > 0 ? `+ ${money(one.fee, options.currency)}` : "";
      label.append(radio, make("span", channelName(one.channel)), make("span", fee, "faint"), make("small", why));
      return label;
    }),
  );
  ready();
}

/** Shows the price of the chosen channel, and whether all is said that an order needs. */
function ready(): void {
  const chosen = quote?.channels.find((one) => one.channel === channel && one.eligible);
  const currency = options.currency;
  const parts: string[] = [];
  if (chosen?.payable_amount != null && chosen.credited_amount != null) {
    const amounts = { amount: money(chosen.payable_amount, currency), credited: money(chosen.credited_amount, currency) };
    parts.push(fill(say.total, amounts));
    if (chosen.fee != null && Number(chosen.fee) > 0) parts.push(fill(say.fee, { fee: money(chosen.fee, currency) }));
    if (chosen.bonus != null && Number(chosen.bonus) > 0) {
      parts.push(fill(say.bonus, { bonus: money(chosen.bonus, currency) }));
    }
  }
  $("price").textContent = parts.join(" · ");
  const byBank = chosen?.channel === "bank_transfer";
  $("remitter").hidden = !byBank;
  const named = ["remitter-name", "remitter-bank"].every((id) => $<HTMLInputElement>(id).value.trim() !== "");
  const agreed = $<HTMLInputElement>("agree").checked;
  $<HTMLButtonElement>("pay").disabled = chosen === undefined || !agreed || (byBank && !named);
}

async function pay(): Promise<void> {
  const chosen = quote?.channels.find((one) => one.channel === channel);
  if (quote === undefined || chosen === undefined) return;
  const body: Schemas["CreateTopUpOrder"] = {
    currency: options.currency,
    amount: quote.amount,
    channel: chosen.channel,
    agreement_accepted: $<HTMLInputElement>("agree").checked,
    return_url: location.href.split(/[?#]/)[0]!,
  };
  // What was shown is what is ordered: the quote fixes the price, and the service refuses what has changed meanwhile.
  if (options.agreement != null) body.agreement_version = options.agreement.version;
  if (quote.quote_id != null) body.quote_id = quote.quote_id;
  if (chosen.channel === "bank_transfer") {
    const [remitter_name, remitter_bank] = ["remitter-name", "remitter-bank"].map((id) => $<HTMLInputElement>(id).value);
    body.bank_transfer = { remitter_name: remitter_name!, remitter_bank: remitter_bank! };
  }
  $<HTMLButtonElement>("pay").disabled = true;
  try {
    const order = await call.order(body, key);
    key = crypto.randomUUID(); // The next order is another one; a broken connection repeats this one.
    if (order.next_action?.redirect != null) location.assign(order.next_action.redirect.url);
    else await showOrders();
  } finally {
    ready();
  }
}

const balances = new Map<string, Schemas["Balance"]>();

function showBalance(balance: Schemas["Balance"]): void {
  const known = balances.get(balance.wallet_id);
  if (known === undefined || known.version <= balance.version) balances.set(balance.wallet_id, balance);
  const items = [...balances.values()].map((one) => {
    const item = make("li");
    item.dataset["available"] = one.available;
    const parts: string[] = [];
    if (Number(one.granted) > 0) parts.push(fill(say.granted, { amount: money(one.granted, one.currency) }));
    if (Number(one.held) > 0) parts.push(fill(say.held, { amount: money(one.held, one.currency) }));
    item.append(make("span", one.product ?? say.main), make("strong", money(one.available, one.currency)));
    if (parts.length > 0) item.append(make("small", parts.join(" · ")));
    return item;
  });
  $("balances").replaceChildren(...items);
}

/** The payer shows that the transfer was made; an operator looks at it. */
function slipUpload(order: string): HTMLElement {
  const label = make("label", say.slip, "file");
  const chooser = Object.assign(document.createElement("input"), { type: "file", accept: ".pdf,.png,.jpg,.jpeg" });
  chooser.onchange = () =>
    void attempt(async () => {
      const file = chooser.files?.[0];
      if (file === undefined) return;
      await call.slip(order, file);
      tell(say.slipSent);
    });
  label.append(chooser);
  return label;
}

function orderItem(order: Schemas["TopUpOrder"]): HTMLElement {
  const item = make("li");
  item.dataset["order"] = order.id;
  item.dataset["status"] = order.status;
  item.append(
    make("span", `${day(order.created_at)} · ${channelName(order.channel)}`),
    make("span", `${money(order.payable_amount, order.currency)} · ${statusName(order.status)}`),
  );
  if (order.reason != null) item.append(make("small", order.reason));
  const bank = order.next_action?.bank_transfer;
  if (bank != null) {
    const list = make("dl");
    for (const [name, value] of [
      [say.reference, bank.reference], [say.name, bank.account_name],
      [say.account, `${bank.account_number}, ${bank.bank_name}`], [say.until, day(bank.expires_at)],
    ]) {
      list.append(make("dt", name), make("dd", value));
    }
    item.append(list, slipUpload(order.id));
  }
  const redirect = order.next_action?.redirect;
  if (redirect != null) {
    item.append(Object.assign(make("a", say.continue), { href: redirect.url }));
  }
  if (order.status === "pending") {
    const cancel = make("button", say.cancel);
    cancel.onclick = () => attempt(async () => void item.replaceWith(orderItem(await call.cancel(order.id))));
    item.append(cancel);
  }
  return item;
}

/** Shows a page of a list, the first one anew or the next one below. */
function showPage(id: string, items: HTMLElement[], next: string | null | undefined, again: (cursor: string) => void): void {
  $(id).append(...(items.length > 0 || $(id).children.length > 0 ? items : [make("li", say.none, "faint")]));
  const more = $<HTMLButtonElement>(`more-${id}`);
  more.hidden = next == null;
  more.onclick = () => again(next ?? "");
}

async function showOrders(cursor?: string): Promise<void> {
  const page = await call.orders(cursor);
  // A list may have null for what its payer has to do next.
  const whole = (order: Schemas["TopUpOrder"]) =>
    order.status === "pending" && order.next_action == null ? call.getOrder(order.id) : order;
  const orders = await Promise.all(page.data.map(whole));
  if (cursor === undefined) $("orders").replaceChildren();
  showPage("orders", orders.map(orderItem), page.next_cursor, (next) => void attempt(() => showOrders(next)));
}

async function showFlows(cursor?: string): Promise<void> {
  const page = await call.flows($<HTMLSelectElement>("flow-type").value, cursor);
  if (cursor === undefined) $("flows").replaceChildren();
  const items = page.data.map((flow) => {
    const item = make("li");
    item.append(
      make("span", `${day(flow.created_at)} · ${say[flow.type] ?? flow.type}`),
      make("strong", money(flow.amount, flow.currency)),
    );
    item.append(make("small", [flow.product ?? say.main, flow.description].filter(Boolean).join(" · ")));
    return item;
  });
  showPage("flows", items, page.next_cursor, (next) => void attempt(() => showFlows(next)));
}

async function showStatement(): Promise<void> {
  const month = $<HTMLInputElement>("month").value;
  if (month === "") return;
  const statement = await call.statement(month);
  const items = statement.currencies.flatMap((one) =>
    one.wallets.map((wallet) => {
      const item = make("li");
      const amount = (standing: Schemas["Standing"]): string => money(standing.balance, one.currency);
      const moved = (line: Schemas["StatementMovement"]): string =>
        `${say[line.type] ?? line.type} ${money(line.amount, one.currency)}`;
      item.append(
        make("span", wallet.product ?? say.main),
        make("strong", `${amount(wallet.opening)} → ${amount(wallet.closing)}`),
        make("small", wallet.movements.map(moved).join(" · ")),
      );
      return item;
    }),
  );
  $("statement").replaceChildren(...(items.length > 0 ? items : [make("li", say.none, "faint")]));
}

function label(): void {
  say = texts(language);
  document.documentElement.lang = language;
  document.title = say.topUp;
  const names: [string, keyof Texts][] = [
    ["title", "title"], ["balance-title", "balance"], ["top-up-title", "topUp"], ["currency-label", "currency"],
    ["amount-label", "amount"], ["channel-label", "channel"], ["remitter-label", "remitter"], ["pay", "pay"],
    ["orders-title", "orders"], ["flows-title", "flows"], ["statement-title", "statement"],
    ["more-orders", "more"], ["more-flows", "more"],
  ];
  for (const [id, text] of names) $(id).textContent = say[text];
  $<HTMLInputElement>("remitter-name").placeholder = say.name;
  $<HTMLInputElement>("remitter-bank").placeholder = say.bank;
  const types = ["", "recharge", "consume", "refund", "transfer_in", "transfer_out", "grant", "expire", "adjust"] as const;
  const chosen = $<HTMLSelectElement>("flow-type").value;
  $("flow-type").replaceChildren(...types.map((type) => new Option(type === "" ? say.all : say[type], type)));
  $<HTMLSelectElement>("flow-type").value = chosen;
}

/** The payer came back from a payment company with `?order=…`: what became of the order is asked, not believed. */
async function comeBack(): Promise<void> {
  const id = new URLSearchParams(location.search).get("order");
  if (id === null) return;
  history.replaceState(null, "", location.pathname);
  const order = await call.verify(id);
  tell(fill(say.returned, { status: statusName(order.status) }));
}

async function start(): Promise<void> {
  label();
  $<HTMLSelectElement>("language").value = language;
  const returned = comeBack().catch(() => tell(say.failed, true));
  await Promise.all([choose(), showOrders(), showFlows(), showStatement()]);
  for (const balance of (await call.balances()).balances) showBalance(balance);
  await returned;
}

$("language").onchange = () => {
  language = $<HTMLSelectElement>("language").value as Language;
  localStorage.setItem("language", language);
  void attempt(start);
};
$("currency").onchange = () => void attempt(() => choose($<HTMLSelectElement>("currency").value));
$("amount").oninput = () => void price();
for (const id of ["agree", "remitter-name", "remitter-bank"]) $(id).oninput = ready;
$("flow-type").onchange = () => void attempt(() => showFlows());
$<HTMLInputElement>("month").value = new Date().toISOString().slice(0, 7);
$("month").onchange = () => void attempt(showStatement);
$<HTMLFormElement>("form").onsubmit = (event) => {
  event.preventDefault();
  void attempt(pay);
};

let page = new AbortController();
let later: ReturnType<typeof setTimeout> | undefined;
const listen = (): void =>
  void call.listen(
    (event, data) => {
      if (event === "balance.updated") showBalance(data as Schemas["Balance"]);
      // Several changes at once are shown once.
      clearTimeout(later);
      // Nobody asked for this, so it does not take away what was told.
      later = setTimeout(() => void Promise.all([showOrders(), showFlows()]).catch(() => tell(say.failed, true)), 200);
    },
    (connected) => {
      document.body.dataset["live"] = String(connected);
    },
    page.signal,
  );
// A hidden page needs no stream; browsers open only six connections to one server.
document.addEventListener("visibilitychange", () => {
  page.abort();
  page = new AbortController();
  if (!document.hidden) listen();
});

void attempt(start).then(listen);
