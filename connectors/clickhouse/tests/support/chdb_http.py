"""A current ClickHouse for the tests: the engine of PyPI's chdb-core behind the part of ClickHouse's HTTP interface
that the connector uses.

    python chdb_http.py PORT FOLDER

Statements stand in the parameter `query` and the body, as with ClickHouse; rows are handed to the engine as the server does it. Other
parameters are settings. Users are `default`, `writer` (with a password) and `reader` (who only reads). What the engine
throws is answered with its code in a header and the status that ClickHouse gives it.
"""

import base64
import os
import re
import signal
import sys
import tempfile
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

USERS = {"default": "", "writer": "correct hörse", "reader": ""}
INSERT = re.compile(r"\s*(INSERT\s.*\S)\s+(FORMAT\s+\w+)\s*", re.IGNORECASE | re.DOTALL)
EXCEPTION = re.compile(r"Code: (\d+)\. ")
# The statuses of ClickHouse's `exceptionCodeToHTTPStatus`, for the codes that the tests provoke.
STATUS = {
    400: {6, 25, 26, 27, 36, 38, 41, 43, 53, 62, 72, 117, 131, 321, 349, 376, 441, 467, 675, 676, 691},
    403: {192, 193, 497, 516},
    404: {16, 46, 47, 50, 56, 60, 81, 115},
    408: {159},
    501: {48},
}


class Refused(Exception):
    """An error of the server before the engine gets a statement."""


class Cut(Exception):
    """A truncated request."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    engine: Session
    folder: str
    database = "default"
    turn = threading.Lock()

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            answer = self.answer(parameters)
        except Cut:
            self.close_connection = True
            return
        except (RuntimeError, Refused) as error:
            text = str(error).strip()
            if not text.startswith("Code: "):
                text = text[max(text.find("Code: "), 0) :]
            found = EXCEPTION.match(text)
            code = int(found[1]) if found else 1001
            status = next((status for status, codes in STATUS.items() if code in codes), 500)
            self.reply(status, f"{text} (version 26.9)\n".encode(), {"X-ClickHouse-Exception-Code": str(code)})
            return
        self.reply(200, answer, {})

    def answer(self, parameters):
        # The body is always read: the connection is reused.
        user, body = self.user(parameters), b"".join(self.body())
        if user is None:
            raise Refused("Code: 516. DB::Exception: Authentication failed: password is incorrect, or there is no user "
                          "with such name. (AUTHENTICATION_FAILED)")
        database, query = parameters.pop("database", "default"), parameters.pop("query", "")
        settings = ", ".join(f"{quoted(name, '`')} = {quoted(value, chr(39))}" for name, value in parameters.items())
        insert = INSERT.fullmatch(query)
        # In a statement, the engine finds no end of binary data, and reads text slowly; but of files it has no asynchronous inserts.
        if insert and (parameters.get("async_insert") != "1" or insert[2].endswith("ArrowStream")):
            with_settings = f"SETTINGS {settings}" if settings else ""
            with tempfile.NamedTemporaryFile(dir=Handler.folder) as file:
                file.write(body)
                file.flush()
                query = f"{insert[1]} FROM INFILE {quoted(file.name, chr(39))} {with_settings} {insert[2]}"
                return self.run(user, database, query)
        if settings and insert:
            query = f"{insert[1]} SETTINGS {settings} {insert[2]}"
        elif settings:
            raise Refused("Code: 48. DB::Exception: The front of the tests has settings for inserts alone. (NOT_IMPLEMENTED)")
        return self.run(user, database, f"{query}\n{body.decode()}")

    def run(self, user, database, statement):
        if user == "reader" and not re.match(r"\s*(SELECT|DESCRIBE|SHOW)\b", statement, re.IGNORECASE):
            raise Refused("Code: 164. DB::Exception: reader: Cannot execute query in readonly mode. (READONLY)")
        with self.turn:
            if database != Handler.database:
                self.engine.query(f"USE {quoted(database, '`')}")
                Handler.database = database
            return self.engine.query(statement, "TabSeparated").bytes()

    def user(self, parameters):
        name, password = parameters.pop("user", "default"), parameters.pop("password", "")
        scheme, _, login = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, password = base64.b64decode(login).decode().partition(":")
        name = self.headers.get("X-ClickHouse-User", name)
        password = self.headers.get("X-ClickHouse-Key", password)
        return name if USERS.get(name) == password else None

    def body(self):
        parts = self.chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.counted()
        if self.headers.get("Content-Encoding") != "gzip":
            yield from parts
            return
        gzip = zlib.decompressobj(wbits=31)
        for part in parts:
            yield gzip.decompress(part)
        if not gzip.eof:
            raise Refused("Code: 354. DB::Exception: inflate failed: the end of the stream is missing. (ZLIB_INFLATE_FAILED)")

    def counted(self):
        yield self.exactly(int(self.headers.get("Content-Length", 0)))

    def chunks(self):
        while size := int(self.rfile.readline().split(b";")[0] or b"x", 16):
            yield self.exactly(size)
            self.exactly(2)
        self.exactly(2)

    def exactly(self, size):
        part = self.rfile.read(size)
        if len(part) < size:
            raise Cut
        return part

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def quoted(text, mark):
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Handler.engine = Session(folder)
    Handler.folder = os.path.dirname(os.path.abspath(folder))
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


main()
