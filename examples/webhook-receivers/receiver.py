"""Receives webhooks in Python, with the published Standard Webhooks library:

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_… PORT=9000 python receiver.py

The secret is what `POST /v1/webhook-endpoints` answered once. Each event comes at least once, so remember the ids that
you have handled; answer 2xx within seconds, and do slow work afterwards.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled: set[str] = set()  # A database in earnest: in the transaction of what the event changes.


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        # The bytes as they came: the signature is over them.
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            webhook.verify(body, headers)
        except WebhookVerificationError as error:
            self.answer(400, str(error))
            return
        event_id = headers["webhook-id"]
        if event_id not in handled:
            handled.add(event_id)
            print(json.loads(body)["type"], event_id, flush=True)
        self.answer(204, "")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        if text:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver)
print("ready", flush=True)
server.serve_forever()
