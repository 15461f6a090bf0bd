"""Speaks to robots of groups as other programs do, for tests that compare nightdesk's messages with theirs.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "wecom", "url": …, "content": …}                            ->  whether it was taken
    {"do": "dingtalk", "url": …, "secret": …, "ms": …, "content": …}   ->  the answer; the clock stands at `ms`
    {"do": "slack", "url": …, "message": {…}}                          ->  {"status", "body"}, and the blocks as the library has them
    {"do": "feishu sign", "timestamp": …, "secret": …}                 ->  the signature, by the platform's description
"""

import base64
import hashlib
import hmac
import json
import sys
from unittest import mock

from apprise.plugins.wecombot import NotifyWeComBot
from dingtalkchatbot.chatbot import DingtalkChatbot
from slack_sdk.models.blocks import Block
from slack_sdk.webhook import WebhookClient


def wecom(task):
    with mock.patch.object(NotifyWeComBot, "notify_url", task["url"].replace("key=botkey0001", "key={key}")):
        robot = NotifyWeComBot(key="botkey0001")
        robot.throttle = lambda *_, **__: None
        return robot.send(body=task["content"])


def dingtalk(task):
    with mock.patch("dingtalkchatbot.chatbot.time.time", return_value=task["ms"] / 1000):
        robot = DingtalkChatbot(task["url"], secret=task["secret"])
        return robot.send_text(msg=task["content"])


def slack(task):
    message = task["message"]
    blocks = Block.parse_all(message["blocks"])
    for block in blocks:
        block.validate_json()
    # Unknown kinds of blocks and fields do not survive the library's own model.
    shown = [block.to_dict() for block in blocks]
    answer = WebhookClient(task["url"]).send(text=message["text"], blocks=blocks)
    return {"status": answer.status_code, "body": answer.body, "blocks": shown}


def feishu_sign(task):
    key = f"{task['timestamp']}\n{task['secret']}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


KNOWN = {"wecom": wecom, "dingtalk": dingtalk, "slack": slack, "feishu sign": feishu_sign}
json.dump([KNOWN[task["do"]](task) for task in json.load(sys.stdin)], sys.stdout)
