"""Speaks WeChat with the `wechatpy` library, for tests that check nightdesk's channel `wechat` against it.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "seal", "token", "key", "app", "xml", "nonce", "timestamp"}  ->  {"body", "msg_signature"}
    {"do": "echo", "token", "key", "app", "text", "nonce", "timestamp"} ->  {"echostr", "msg_signature"}
    "corp-seal" and "corp-echo": the same two with the library's classes for WeCom, the CorpID as "app"
    {"do": "check", "token", "signature", "timestamp", "nonce"}         ->  null, or why it does not hold
    {"do": "read", "xml"}                                               ->  the fields of a reply
    {"do": "open", "token", "key", "app", "xml"}                        ->  the fields of an encrypted reply
    {"do": "send", "app", "secret", "base", "to", "text"}               ->  what the API answered to the library's own client
"""

import json
import sys

import xmltodict
from wechatpy.client import WeChatClient
from wechatpy.crypto import PrpCrypto, WeChatCrypto, _get_signature
from wechatpy.enterprise.crypto import WeChatCrypto as CorpCrypto
from wechatpy.enterprise.crypto import PrpCrypto as CorpPrp
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.replies import deserialize_reply
from wechatpy.utils import check_signature


def reply(xml):
    """Read as the library reads replies, and as plain XML."""
    read = deserialize_reply(xml)
    fields = xmltodict.parse(xml)["xml"]
    return {"type": read.type, "target": read.target, "source": read.source, "content": fields.get("Content")}


def done(task):
    what = task["do"]
    if what in ("seal", "echo", "open"):
        crypto = WeChatCrypto(task["token"], task["key"], task["app"])
    if what == "seal":
        body = crypto.encrypt_message(task["xml"], task["nonce"], task["timestamp"])
        return {"body": body, "msg_signature": xmltodict.parse(body)["xml"]["MsgSignature"]}
    if what == "echo":
        sealed = PrpCrypto(crypto.key).encrypt(task["text"], task["app"]).decode()
        signature = _get_signature(task["token"], task["timestamp"], task["nonce"], sealed)
        return {"echostr": sealed, "msg_signature": signature}
    if what.startswith("corp-"):
        crypto = CorpCrypto(task["token"], task["key"], task["app"])
    if what == "corp-seal":
        body = crypto.encrypt_message(task["xml"], task["nonce"], task["timestamp"])
        return {"body": body, "msg_signature": xmltodict.parse(body)["xml"]["MsgSignature"]}
    if what == "corp-echo":
        sealed = CorpPrp(crypto.key).encrypt(task["text"], task["app"]).decode()
        signature = _get_signature(task["token"], task["timestamp"], task["nonce"], sealed)
        return {"echostr": sealed, "msg_signature": signature}
    if what == "check":
        try:
            check_signature(task["token"], task["signature"], task["timestamp"], task["nonce"])
        except InvalidSignatureException as error:
            return str(error)
        return None
    if what == "read":
        return reply(task["xml"])
    if what == "open":
        outer = xmltodict.parse(task["xml"])["xml"]
        xml = crypto.decrypt_message(task["xml"], outer["MsgSignature"], outer["TimeStamp"], outer["Nonce"])
        return reply(xml.decode() if isinstance(xml, bytes) else xml)
    client = WeChatClient(task["app"], task["secret"], access_token=task["access_token"])
    client.API_BASE_URL = task["base"] + "/cgi-bin/"
    return client.message.send_text(task["to"], task["text"])


json.dump([done(task) for task in json.load(sys.stdin)], sys.stdout)
