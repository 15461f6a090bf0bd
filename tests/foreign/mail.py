"""A mail server by `aiosmtpd`, and mail clients by Python's standard library, for tests of nightdesk's channel `mail`.

`mail.py` alone reads a JSON list of tasks from standard input and prints a JSON list of results:
    {"do": "lmtp" | "smtp", "port", "from", "to": [...], "raw"}  ->  {"refused": {address: code}, "more": [code]} or {"code", "words"}

`mail.py serve DIR [starttls | tls] [auth]` runs a server: prints its port, then a JSON line for each letter that it was offered:
its envelope, what it answered, its headers and words as Python reads them. A line on standard input, such as `451 4.3.0 later`,
`slow 3` or `drop`, is what the next letter is met with; `away 554 5.7.1 no` is what the next connection is. DIR gets `ca.pem`, by which its certificate can be checked.
"""

import asyncio
import base64
import datetime
import email
import email.policy
import json
import os
import smtplib
import ssl
import sys


class Lmtp(smtplib.LMTP):
    """Reads the answers for the further recipients, which the library leaves lying."""

    taken = 0
    more = ()

    def rcpt(self, *arguments):
        code, words = super().rcpt(*arguments)
        self.taken += code == 250
        return code, words

    def data(self, msg):
        first = super().data(msg)
        self.more = [self.getreply()[0] for _ in range(self.taken - 1)]
        return first


def sent(task):
    client = Lmtp if task["do"] == "lmtp" else smtplib.SMTP
    raw = base64.b64decode(task["raw"])
    try:
        with client("127.0.0.1", task["port"], local_hostname="mx.example", timeout=60) as connection:
            options = ["SMTPUTF8", "BODY=8BITMIME"] if not raw.isascii() else []
            refused = connection.sendmail(task["from"], task["to"], raw, mail_options=options)
            more = {"more": connection.more} if getattr(connection, "more", []) else {}
            return {"refused": {to: code for to, (code, _) in refused.items()}, **more}
    except smtplib.SMTPRecipientsRefused as error:
        return {"refused": {to: code for to, (code, _) in error.recipients.items()}}
    except smtplib.SMTPResponseException as error:
        return {"code": error.smtp_code, "words": error.smtp_error.decode()}


def certificates(folder):
    """An authority of its own, and a certificate of it for localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, key, issuer, issuer_key, authority):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("test authority", root_key, "test authority", root_key, True)
    leaf = certificate("localhost", key, "test authority", root_key, False)
    plain = serialization.NoEncryption()
    with open(os.path.join(folder, "ca.pem"), "wb") as file:
        file.write(root.public_bytes(pem))
    with open(os.path.join(folder, "server.pem"), "wb") as file:
        file.write(leaf.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"))
    return context


class Handler:
    """Takes letters, or meets them with what was asked for."""

    def __init__(self, moods):
        self.moods = moods

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        if self.moods and self.moods[0].startswith("away "):
            return [self.moods.pop(0).removeprefix("away ")]
        return responses

    async def handle_DATA(self, server, session, envelope):
        answer = "250 2.0.0 taken"
        if self.moods:
            mood = self.moods.pop(0)
            if mood == "drop":
                server.transport.abort()
                answer = "drop"
            elif mood.startswith("slow"):
                await asyncio.sleep(float(mood.split()[1]))
            else:
                answer = mood
        letter = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        fields = {}
        for name, value in letter.items():
            fields.setdefault(name.lower(), []).append(str(value))
        shown = {
            "answer": answer,
            "from": "" if envelope.mail_from in (None, "<>") else envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": fields,
            "text": letter.get_content().replace("\r\n", "\n"),
            "defects": [repr(defect) for defect in letter.defects],
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "user": getattr(session, "known_as", None),
        }
        print(json.dumps(shown), flush=True)
        return answer


async def serve(folder, words):
    from aiosmtpd.smtp import SMTP, AuthResult

    moods = []
    context = certificates(folder) if "tls" in words or "starttls" in words else None

    def known(_server, session, _envelope, _mechanism, login):
        session.known_as = login.login.decode()
        return AuthResult(success=login.password == b"right", handled=False)

    def protocol():
        return SMTP(
            Handler(moods),
            hostname="mx.example",
            enable_SMTPUTF8=True,
            tls_context=context if "starttls" in words else None,
            require_starttls="starttls" in words,
            authenticator=known if "auth" in words else None,
            auth_required="auth" in words,
            auth_require_tls=False,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", int(words[0]) if words and words[0].isdigit() else 0,
                                      ssl=context if "tls" in words else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        moods.append(line.decode().strip())
        print(json.dumps({"mood": moods[-1]}), flush=True)


if sys.argv[1:2] == ["serve"]:
    asyncio.run(serve(sys.argv[2], sys.argv[3:]))
else:
    json.dump([sent(task) for task in json.load(sys.stdin)], sys.stdout)
