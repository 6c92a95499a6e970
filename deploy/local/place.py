"""Where an embedded copy lives: every folder, port and address follows from its home, its port and its host."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from deploy.settings import CONCERNS

ROOT = Path(__file__).resolve().parents[2]

PORT_OFFSETS = {
    "gateway": 0,
    "calculator": 1,
    "registry": 2,
    "orders": 3,
    "certificates": 4,
    "ranking": 5,
    "sandbox": 6,
    "kafka": 10,
    "kafka controller": 11,
    "mongodb": 12,
}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """The place of one embedded copy; copies with other homes and ports do not meet.

    `kafka` and `mongodb` are addresses of servers that run already: the copy uses these and starts none of its own.
    """

    home: Path
    port: int
    host: str
    kafka: str = ""
    mongodb: str = ""

    def port_of(self, listener: str) -> int:
        """Return the port of a listener of PORT_OFFSETS."""
        return self.port + PORT_OFFSETS[listener]

    def address_of(self, listener: str) -> str:
        """Return where a listener behind the gateway is: host and port, never seen from outside this machine."""
        return f"127.0.0.1:{self.port_of(listener)}"

    @property
    def elsewhere(self) -> frozenset[str]:
        """The parts that run already, and are neither started nor stopped here."""
        return frozenset(name for name in ("kafka", "mongodb") if getattr(self, name))

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka is."""
        return self.kafka or self.address_of("kafka")

    @property
    def mongodb_server(self) -> str:
        """Where MongoDB is, without a database."""
        return self.mongodb or f"mongodb://{self.address_of('mongodb')}"

    def mongodb_url(self, database: str) -> str:
        """Return the address of a database there, with what makes its writes last."""
        server = urlsplit(self.mongodb_server)
        options = dict(parse_qsl(server.query)) | CONCERNS
        if server.username:
            # A user of the server is known there, and not in each database.
            options.setdefault("authSource", server.path.strip("/") or "admin")
        return f"{server.scheme}://{server.netloc}/{database}?{urlencode(options)}"

    @property
    def gateway_host(self) -> str:
        """The host by which this machine itself reaches the gateway."""
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 compared, not bound

    @property
    def url(self) -> str:
        """The address of the whole site."""
        return f"http://{self.gateway_host}:{self.port}"

    def folder(self, name: str) -> Path:
        """Return a folder of the home, which exists from now on."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """Return the file that holds the output of a part or of a step."""
        return self.folder("logs") / f"{name}.log"
