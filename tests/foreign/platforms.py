"""The libraries of platforms, for tests that compare nightdesk with them.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "line verify" | "meta verify" | "lark verify", "secret", "body", "signature", …}  ->  whether it holds
    {"do": "slack sign", "secret", "body", "timestamp"}      ->  the signature
    {"do": "hmac", "secret", "content", "as": "hex"|"b64"}   ->  HMAC-SHA256 by the standard library
    {"do": "line read", "secret", "body", "signature"}       ->  what the library understands of each event
    {"do": "line say", "url", "token", "to", "text", "options": [[id, label], …], "reply_token"}  ->  sends it
    {"do": "telegram update", "id", "chat", "text" | "data"} ->  an update as the library writes it
    {"do": "telegram say", "url", "token", "to", "text", "options"}  ->  sends it
    {"do": "whatsapp say", "url", "token", "number", "to", "text", "options"}  ->  sends it
"""

import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import sys
from unittest import mock

# Each library is loaded by the tasks that need it: together they take seconds.

def line_verify(task):
    from linebot.v3.webhook import SignatureValidator

    return SignatureValidator(task["secret"]).validate(task["body"], task["signature"])


def meta_verify(task):
    from pywa.utils import webhook_updates_validator

    return webhook_updates_validator(task["secret"], task["body"].encode(), task["signature"])


def slack_sign(task):
    from slack_sdk.signature import SignatureVerifier

    return SignatureVerifier(task["secret"]).generate_signature(timestamp=task["timestamp"], body=task["body"])


def lark_verify(task):
    """The library checks signatures after it has decrypted; here the check alone."""
    import lark_oapi
    from lark_oapi.core.model import RawRequest

    handler = lark_oapi.EventDispatcherHandler.builder(task["secret"], "").build()
    request = RawRequest()
    request.body = task["body"].encode()
    request.headers = {
        "X-Lark-Request-Timestamp": task["timestamp"],
        "X-Lark-Request-Nonce": task["nonce"],
        "X-Lark-Signature": task["signature"],
    }
    try:
        handler._verify_sign(request, task["secret"])
    except Exception:  # noqa: BLE001 - whatever it says, it is a refusal
        return False
    return True


def plain_hmac(task):
    made = hmac.new(task["secret"].encode(), task["content"].encode(), hashlib.sha256)
    return made.hexdigest() if task["as"] == "hex" else base64.b64encode(made.digest()).decode()


def line_read(task):
    from linebot.v3.webhook import WebhookParser

    events = WebhookParser(task["secret"]).parse(task["body"], task["signature"])
    return [
        {"type": event.type, "id": event.webhook_event_id, "user": event.source.user_id, "token": getattr(event, "reply_token", None)}
        for event in events
    ]


def line_say(task):
    from linebot.v3 import messaging

    def item(option):
        action = messaging.PostbackAction(label=option[1], data=option[0], display_text=option[1])
        return messaging.QuickReplyItem(action=action)

    quick = messaging.QuickReply(items=[item(option) for option in task["options"]]) if task["options"] else None
    said = messaging.TextMessage(text=task["text"], quick_reply=quick)
    with messaging.ApiClient(messaging.Configuration(host=task["url"], access_token=task["token"])) as client:
        api = messaging.MessagingApi(client)
        if task.get("reply_token"):
            api.reply_message(messaging.ReplyMessageRequest(reply_token=task["reply_token"], messages=[said]))
        else:
            request = messaging.PushMessageRequest(to=task["to"], messages=[said])
            api.push_message(request, x_line_retry_key="123e4567-e89b-12d3-a456-426614174000")
    return True


def telegram_update(task):
    import telegram

    user = telegram.User(id=task["chat"], first_name="Anna", is_bot=False, language_code=task.get("language", "zh-hans"))
    chat = telegram.Chat(id=task["chat"], type=task.get("type", "private"))
    at = datetime.datetime.fromtimestamp(1760000000, datetime.timezone.utc)
    message = telegram.Message(message_id=7, date=at, chat=chat, from_user=user, text=task.get("text"))
    if "photo" in task:
        photo = telegram.PhotoSize(file_id=task["photo"], file_unique_id="u", width=1, height=1)
        message = telegram.Message(
            message_id=7, date=at, chat=chat, from_user=user, photo=(photo,), caption=task.get("caption")
        )
    if "data" in task:
        pressed = telegram.CallbackQuery(id="cb-1", from_user=user, chat_instance="i", message=message, data=task["data"])
        return telegram.Update(update_id=task["id"], callback_query=pressed).to_json()
    return telegram.Update(update_id=task["id"], message=message).to_json()


def telegram_say(task):
    import telegram

    rows = [[telegram.InlineKeyboardButton(label, callback_data=name)] for name, label in task["options"]]
    markup = telegram.InlineKeyboardMarkup(rows) if rows else None

    async def say():
        bot = telegram.Bot(task["token"], base_url=task["url"] + "/bot")
        await bot.send_message(chat_id=task["to"], text=task["text"], reply_markup=markup)

    asyncio.run(say())
    return True


def whatsapp_say(task):
    import httpx
    from pywa import WhatsApp
    from pywa.types import Button, Section, SectionList, SectionRow

    client = httpx.Client(trust_env=False)
    whatsapp = WhatsApp(phone_id=task["number"], token=task["token"], session=client)
    client.base_url = task["url"]
    options = task["options"]
    buttons = None
    if 0 < len(options) <= 3:
        buttons = [Button(title=label, callback_data=name) for name, label in options]
    elif options:
        rows = [SectionRow(title=label, callback_data=name) for name, label in options]
        buttons = SectionList(button_title=task["open"], sections=[Section(title="", rows=rows)])
    whatsapp.send_message(to=task["to"], text=task["text"], buttons=buttons)
    return True


KNOWN = {
    "line verify": line_verify,
    "meta verify": meta_verify,
    "slack sign": slack_sign,
    "lark verify": lark_verify,
    "hmac": plain_hmac,
    "line read": line_read,
    "line say": line_say,
    "telegram update": telegram_update,
    "telegram say": telegram_say,
    "whatsapp say": whatsapp_say,
}
with mock.patch.dict("os.environ", {"NO_PROXY": "*", "no_proxy": "*"}):
    json.dump([KNOWN[task["do"]](task) for task in json.load(sys.stdin)], sys.stdout)
