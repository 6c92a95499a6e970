"""What a service is told by its environment; it never knows on which kind of machine it runs."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one replica of one service, read from environment variables of the same names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_bootstrap_servers: str
    mongodb_url: str
    # The key of every capability that this service hands out; one per service, the same for its replicas.
    secret: SecretStr
    # Names this replica in its consumer group and in leases: the same after a restart, never twice at once.
    replica: str
    public_url: str = "http://127.0.0.1:8080"
    issuer: str = "http://127.0.0.1:8080"
    jwks_url: str = "http://127.0.0.1:8080/.well-known/jwks.json"
    livemode: bool = False
