"""Who listens on a port, so that a taken one is named before anything starts."""

import socket

import psutil

from deploy.local.parts import Part
from deploy.local.place import Place


class PortTaken(Exception):
    """Another program listens on a port that a part needs."""

    code = "port_taken"


def refuse_taken(place: Place, parts: list[Part]) -> None:
    """Raise PortTaken, which names every port that a part needs and another program has."""
    wanted = [(name, place.port_of(name)) for part in parts for name in part.listeners]
    taken = [f"port {port} for {name} is taken by {_holder(port)}" for name, port in wanted if _is_taken(place, port)]
    if taken:
        raise PortTaken("\n".join([*taken, "Stop it, or choose another port with DIANDIAN_PORT=…"]))


def _is_taken(place: Place, port: int) -> bool:
    host = place.gateway_host if port == place.port else "127.0.0.1"
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex((host, port)) == 0


def _holder(port: int) -> str:
    """Name the process, where the operating system lets us see it."""
    try:
        connections = psutil.net_connections("tcp")
        pids = [each.pid for each in connections if each.status == psutil.CONN_LISTEN and each.laddr[1:] == (port,)]
        return next(f"pid {pid} ({psutil.Process(pid).name()})" for pid in pids if pid)
    except (psutil.Error, StopIteration):
        return "another program"
