// Starts Swagger UI so that what stands in the fields works as it is:
// - Each call gets an Idempotency-Key of its own; the document's example stands for "a new one".
// - The document's example of an id stands for "the newest one": it becomes the newest object of its kind.
// - Who calls as a customer names no customer; the example in `customer_id` is for services and operators.
// The curl line that is shown below a call shows what was really sent.
const exampleKey = "0193a5a2-7c0e-7f6f-9a2f-4c1d9e3b0001";
const exampleId = /\b([a-z]+_)019336f2b0a87c0e8f6f5a2f4c1d9e3b(?:_\d+)?/g;
const anyId = /"(?:id|hold_id|wallet_id)":"([a-z]+_)([0-9a-f]{32}(?:_\d+)?)"/g;

// Where the newest object of a kind is found. Of other kinds, it is the last one that an answer has shown.
const lists = {
  adj_: "/v1/admin/adjustments?limit=1",
  bac_: "/v1/admin/bank-accounts",
  bch_: "/v1/admin/bank-account-changes",
  bln_: "/v1/admin/bank-lines?limit=1",
  bst_: "/v1/admin/bank-statements?limit=1",
  dec_: "/v1/admin/unapplied-decisions?limit=1",
  dsp_: "/v1/admin/disputes?limit=1",
  flw_: "/v1/account-flows?limit=1&customer_id=demo",
  gch_: "/v1/admin/grant-changes?limit=1",
  grt_: "/v1/grants?limit=1&customer_id=demo",
  key_: "/v1/admin/api-keys?limit=1",
  pap_: "/v1/admin/papers?limit=1",
  pay_: "/v1/admin/unapplied-payments?limit=1",
  pot_: "/v1/admin/payouts?limit=1",
  rfd_: "/v1/admin/refunds?limit=1",
  rrq_: "/v1/refund-requests?limit=1&customer_id=demo",
  trf_: "/v1/transfers?limit=1&customer_id=demo",
  tuo_: "/v1/top-up-orders?limit=1&customer_id=demo",
  wal_: "/v1/balances?customer_id=demo",
  whe_: "/v1/webhook-endpoints?limit=1",
  wof_: "/v1/admin/write-offs?limit=1",
};
const shown = {};

const ids = (text) => {
  const found = {};
  for (const [, kind, digits] of text.matchAll(anyId)) found[kind] ??= kind + digits;
  return found;
};

const newest = async (kind, path, headers) => {
  // What is only proposed stands in a list of its own.
  const list = path.includes("/grant-proposals/") ? "/v1/admin/grant-proposals?limit=1" : lists[kind];
  if (list !== undefined) {
    const url = own(list, headers.Authorization);
    const answer = await fetch(url, { headers: { Authorization: headers.Authorization ?? "" } });
    if (answer.ok) return ids(await answer.text())[kind] ?? shown[kind];
  }
  return shown[kind];
};

const scopes = (authorization) => {
  try {
    const claims = authorization.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return String(JSON.parse(atob(claims)).scope).split(" ");
  } catch {
    return []; // An API key, or none.
  }
};

/** The address without a customer, for one who is a customer. */
const own = (address, authorization) => {
  const held = scopes(authorization ?? "");
  if (held.length !== 1 || held[0] !== "customer") return address;
  const url = new URL(address, location.href);
  url.searchParams.delete("customer_id");
  return url.href;
};

const prepare = async (request) => {
  if (request.loadSpec) return request;
  const headers = request.headers ?? {};
  for (const name of Object.keys(headers)) {
    if (name.toLowerCase() === "idempotency-key" && headers[name] === exampleKey) headers[name] = crypto.randomUUID();
  }
  const body = typeof request.body === "string" ? request.body : "";
  for (const [id, kind] of [...`${request.url} ${body}`.matchAll(exampleId)]) {
    const found = await newest(kind, request.url, headers);
    if (found === undefined) continue;
    request.url = request.url.replaceAll(id, found);
    if (body !== "") request.body = request.body.replaceAll(id, found);
  }
  request.url = own(request.url, headers.Authorization);
  return request;
};

const remember = (response) => {
  if (typeof response.text === "string" && response.ok) Object.assign(shown, ids(response.text));
  return response;
};

window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
    layout: "StandaloneLayout",
    validatorUrl: "none",
    persistAuthorization: true,
    tryItOutEnabled: true,
    deepLinking: true,
    displayRequestDuration: true,
    displayOperationId: true,
    filter: true,
    requestInterceptor: prepare,
    responseInterceptor: remember,
  });
};
