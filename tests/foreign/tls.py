"""Clients of nightdesk's port over TLS by `requests` and `websockets`, whose TLS is OpenSSL's.

Reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "get", "url", "authority"}   ->  {"status", "hsts", "text"} or {"error"}
    {"do": "chat", "url", "authority"}  ->  {"welcome", "protocol", "version", "alpn"}
"""

import json
import ssl
import sys

import requests
from websockets.sync.client import connect


def get(task):
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(task["url"], verify=task["authority"], timeout=60)
    except requests.exceptions.SSLError as error:
        return {"error": str(error)}
    return {"status": answer.status_code, "hsts": answer.headers.get("strict-transport-security"), "text": answer.text}


def chat(task):
    context = ssl.create_default_context(cafile=task["authority"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(task["url"], ssl=context, subprotocols=["chat.v1.json"], proxy=None) as socket:
        socket.send(json.dumps({"type": "hello", "data": {"locale": "zh-CN"}}))
        welcome = json.loads(socket.recv(timeout=60))
        tls = socket.socket
        return {
            "welcome": welcome,
            "protocol": socket.subprotocol,
            "version": tls.version(),
            "alpn": tls.selected_alpn_protocol(),
        }


DO = {"get": get, "chat": chat}
print(json.dumps([DO[task["do"]](task) for task in json.load(sys.stdin)]))
