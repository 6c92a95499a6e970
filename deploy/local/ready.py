"""How to tell that a part is ready: each is asked in its own protocol, with the smallest question there is."""

import http.client
import socket
import struct

import bson

ANSWER_TIMEOUT_SECONDS = 1.0
KAFKA_API_VERSIONS = 18
MONGODB_OP_MSG = 2013


def kafka_answers(port: int) -> bool:
    """Say whether a broker answers: it begins to only when its controller has let it in."""
    # Length, api key, api version, correlation id, no client id.
    answer = _ask(port, struct.pack(">ihhih", 10, KAFKA_API_VERSIONS, 0, 1, -1))
    return len(answer) >= 10 and struct.unpack(">h", answer[8:10]) == (0,)


def mongodb_answers(port: int) -> bool:
    """Say whether a MongoDB protocol server answers a ping."""
    ping = bson.encode({"ping": 1, "$db": "admin"})
    # Length, request id, no request that it answers, operation, flags, one section of kind 0.
    head = struct.pack("<iiiiIB", 21 + len(ping), 1, 0, MONGODB_OP_MSG, 0, 0)
    answer = _ask(port, head + ping)[21:]
    return bool(answer) and bson.decode(answer).get("ok") == 1


def http_answers(host: str, port: int, path: str) -> bool:
    """Say whether a GET of the path is answered with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ask(port: int, question: bytes) -> bytes:
    """Return the first packet of the answer, empty when there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_SECONDS) as connection:
            connection.sendall(question)
            return connection.recv(4096)
    except OSError:
        return b""
