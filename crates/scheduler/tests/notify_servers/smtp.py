"""A small SMTP server for tests, of Python's standard library alone: one JSON line for each mail.

Its arguments are a certificate, which it speaks TLS with from the first byte on, and `starttls` behind it: then it begins
without, and turns to TLS when it is asked to.
"""

import base64
import email
import email.policy
import json
import socketserver
import ssl
import sys


class Session(socketserver.StreamRequestHandler):
    def setup(self):
        self.tls = False
        self.before = []
        if self.server.certificate and not self.server.starttls:
            self.wrap()
        super().setup()

    def wrap(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        self.request = context.wrap_socket(self.request, server_side=True)
        self.tls = True

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 test")
        user = password = ""
        to = []
        while line := self.rfile.readline():
            line = line.decode().strip()
            verb = line.split(" ")[0].upper()
            if not self.tls:
                self.before.append(verb)
            if verb == "EHLO":
                self.say("250-test")
                if self.server.starttls and not self.tls:
                    self.say("250 STARTTLS")
                    continue
                self.say("250 AUTH PLAIN")
            elif verb == "STARTTLS":
                self.say("220 go on")
                self.wrap()
                super().setup()
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                self.say("235 ok")
            elif verb == "RCPT":
                to.append(line.split("<")[1].split(">")[0])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part[1:] if part.startswith(b"..") else part
                self.say("250 ok")
                mail = email.message_from_bytes(body, policy=email.policy.default)
                found = {
                    "to": to,
                    "user": user,
                    "password": password,
                    "tls": self.tls,
                    "before": self.before,
                    "subject": mail["Subject"],
                    "text": mail.get_content(),
                }
                print(json.dumps(found), flush=True)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    certificate = sys.argv[1] if len(sys.argv) > 1 else None
    starttls = sys.argv[2:] == ["starttls"]

    def handle_error(self, request, client_address):
        # A client that does not believe in the certificate hangs up.
        pass


# Where it turns to TLS it is asked for by the name of the machine, which may be another address of it.
with Server(("" if Server.starttls else "127.0.0.1", 0), Session) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
