"""Signs what help desks post, by the formulas of their documentation, for tests that compare nightdesk's reading with it.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "chatwoot", "secret": …, "timestamp": …, "body": …}   ->  the header X-Chatwoot-Signature
    {"do": "zendesk", "secret": …, "timestamp": …, "body": …}    ->  the header X-Zendesk-Webhook-Signature
    {"do": "identifier", "secret": …, "identifier": …}           ->  identifier_hash of Chatwoot's public API
"""

import base64
import hashlib
import hmac
import json
import sys


def digest(secret, message):
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256)


def do(task):
    match task["do"]:
        case "chatwoot":
            return "sha256=" + digest(task["secret"], f"{task['timestamp']}.{task['body']}").hexdigest()
        case "zendesk":
            return base64.b64encode(digest(task["secret"], task["timestamp"] + task["body"]).digest()).decode()
        case "identifier":
            return digest(task["secret"], task["identifier"]).hexdigest()
        case other:
            raise ValueError(f"no task {other}")


json.dump([do(task) for task in json.load(sys.stdin)], sys.stdout)
