//! What the document says about the API as a whole: its conventions, and what its clients can rely on.

use serde_json::{Value, json};

const CONVENTIONS: &str = "\
Wallets and top-ups: customers add money by card, PayPal, VNPay or bank transfer, move it to products, and spend it \
as usage.\n\n\
**Amounts** are decimal strings beside a `currency`. **Lists** show the newest item first, page by page; a cursor is \
opaque and belongs to the filters that it was made with. **Times** are RFC 3339 in UTC. HEAD is answered like GET, \
without the body. Bodies are sent without `Content-Encoding`. The service refuses a request with an unknown field or \
parameter. In a request, null and an absent field mean the same if the field is optional.\n\n\
**Failures** are `application/problem+json` (RFC 9457). Your program should branch on `code`; `x-error-codes` names \
the codes of each operation, and `type` leads to a page about the code. `errors` names every field that breaks a \
rule. Any operation may also answer with the errors of HTTP itself: 400 `bad_request`, 405 `method_not_allowed`, 406 \
`not_acceptable`.\n\n\
**What is absent.** An answer always has all of its fields. A field is null if it does not apply or has no value, \
such as `next_action` if the payer has nothing to do. A choice is a `type` beside several objects, of which only the \
one that `type` names is not null. Code generators fail on a `oneOf` of several objects, so each `oneOf` here is one \
reference or null. Two objects leave out fields that do not apply, because they grow with every new kind: \
`data` of an event has the object that its type is about, and a problem has the fields that belong to its `code`.";

const CALLERS: &str = "\
A customer's token reaches only the objects of that customer. A service or an operator names the customer with \
`customer_id`. `security` lists the scopes of which a token needs one.\n\n\
**Permissions.** Each operation for operators names the permission that it needs: `read` (everything that only shows \
something), `support` (what a customer can do, questions to payment companies, goodwill up to a limit), \
`finance` (approvals, refunds, money; contains `support`), `admin` (catalogue, bank accounts, freezes, closing \
accounts). `support`, `finance` and `admin` contain `read`. If the installation names no claim for permissions, \
every operator has all of them.";

const POLICY: &str = "\
**Versions.** The paths begin with `/v1`. Within it the API only grows: new operations, new optional parameters and \
fields of requests, new fields of answers, new error codes for new situations. Ignore the fields of answers that you \
do not know. A change that would break a client of this document gets a new path, `/v2`, beside the old one.\n\n\
**Lists of values.** A list that is written as an `enum` is closed: it keeps its values within `/v1`. All other \
codes are open strings, and their lists may grow: error codes, types of events, events on an order's timeline, \
reasons, providers. `x-extensible-enum` has the values of this version. A client must accept a value that it does \
not know, show it or pass it on, and do nothing else with it.\n\n\
**Deprecation.** An operation or a field that will be removed is marked `deprecated` here and in the release notes, \
which name what replaces it. It keeps working for at least twelve months, and its answers carry the headers \
`Deprecation` (RFC 9745) and `Sunset` (RFC 8594) as soon as the day is known. `topup openapi --compare FILE` lists \
the breaking changes since the document in the file.";

pub(super) fn info() -> Value {
    let description = [CONVENTIONS, CALLERS, POLICY].join("\n\n");
    json!({
        "title": "topup",
        "version": env!("CARGO_PKG_VERSION"),
        "description": description,
        "contact": { "name": "The operator of this installation" },
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}
