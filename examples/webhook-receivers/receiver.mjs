// Receives webhooks in JavaScript (Node 18 or newer), with the published Standard Webhooks library:
//
//   npm install standardwebhooks
//   WEBHOOK_SECRET=whsec_… PORT=9000 node receiver.mjs
//
// The secret is what `POST /v1/webhook-endpoints` answered once. Each event comes at least once, so remember the ids
// that you have handled; answer 2xx within seconds, and do slow work afterwards.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const handled = new Set(); // A database in earnest: in the transaction of what the event changes.

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8"); // The bytes as they came: the signature is over them.
  try {
    webhook.verify(body, request.headers);
  } catch (error) {
    response.writeHead(400).end(error.message);
    return;
  }
  const id = request.headers["webhook-id"];
  if (!handled.has(id)) {
    handled.add(id);
    const event = JSON.parse(body);
    console.log(`${event.type} ${id}`);
  }
  response.writeHead(204).end();
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
