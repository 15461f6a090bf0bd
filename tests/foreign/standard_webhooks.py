"""Signs and verifies with the `standardwebhooks` library, for tests that check nightdesk's signatures against it.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "sign", "secret": …, "id": …, "timestamp": seconds, "body": …}  ->  the signature
    {"do": "verify", "secret": …, "headers": {…}, "body": …}               ->  null, or why it does not hold
"""

import json
import sys
from datetime import datetime, timezone

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def done(task):
    webhook = Webhook(task["secret"])
    if task["do"] == "sign":
        timestamp = datetime.fromtimestamp(task["timestamp"], tz=timezone.utc)
        return webhook.sign(msg_id=task["id"], timestamp=timestamp, data=task["body"])
    try:
        webhook.verify(task["body"].encode(), task["headers"], json_parse=False)
    except WebhookVerificationError as error:
        return str(error)
    return None


json.dump([done(task) for task in json.load(sys.stdin)], sys.stdout)
