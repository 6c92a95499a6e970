"""`diandian`: the command of those who run the system; heavy parts are imported inside the commands."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from deploy import IS_IT_UP
from deploy.local.place import Place

Result = TypeVar("Result")
HOME = Path(os.environ.get("DIANDIAN_HOME", Path(__file__).resolve().parent.parent / ".local"))
PLACE = Place(
    HOME,
    int(os.environ.get("DIANDIAN_PORT", "8080")),
    os.environ.get("DIANDIAN_HOST", "127.0.0.1"),
    mongodb=os.environ.get("MONGODB_URL", ""),
)
STAFF_SCOPES = (
    "scenes:write", "registry:write", "orders:read", "orders:settle", "orders:organise", "certificates:revoke",
    "ranking:rebuild",
)  # fmt: skip

diandian = typer.Typer(
    help="Run and check Diandian: tokens, demo data, one guest's story, dead letters, boards, audit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
dead = typer.Typer(help="Messages that a service could not take.", no_args_is_help=True)
diandian.add_typer(dead, name="dead")
ranking = typer.Typer(help="The boards.", no_args_is_help=True)
diandian.add_typer(ranking, name="ranking")

Url = Annotated[str, typer.Option(envvar="DIANDIAN_URL", help="Where the gateway answers.")]
Kafka = Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="Where Kafka answers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
URL, KAFKA, MONGODB = PLACE.url, PLACE.bootstrap_servers, PLACE.mongodb_server


def staff_token(
    url: str, subject: str = "operator", scopes: tuple[str, ...] = STAFF_SCOPES, organiser: str | None = None
) -> str:
    """Return a token of the local issuer."""
    from deploy.issuer import LocalIssuer

    claims = {"organiser_id": organiser} if organiser else {}
    return LocalIssuer(HOME / "issuer", issuer=url).token(subject, *scopes, **claims)


@diandian.command()
def token(
    scopes: Annotated[
        list[str] | None, typer.Argument(help=f"Some of {', '.join(STAFF_SCOPES)}; all by default.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Who the token is for.")] = "operator",
    organiser: Annotated[str | None, typer.Option(help="The organiser whose scenes it opens, as org_demo.")] = None,
    url: Url = URL,
) -> None:
    """Print a bearer token of the local issuer, good for an hour."""
    print(staff_token(url, subject, tuple(scopes or STAFF_SCOPES), organiser))


@diandian.command()
def seed(url: Url = URL) -> None:
    """Put the demo's scenes and projects in; what is there already stays."""
    import httpx

    from deploy.seed import seed as put_in

    try:
        put_in(url, staff_token(url), print)
    except httpx.TransportError as away:
        raise typer.Exit(_complain(f"{url} does not answer ({away!r}). {IS_IT_UP}")) from None


@diandian.command()
def story(
    url: Url = URL,
    public_url: Annotated[
        str | None, typer.Option(envvar="DIANDIAN_PUBLIC_URL", help="Where people reach it, if elsewhere than we do.")
    ] = None,
    scene: Annotated[str, typer.Option(help="Code of the scene.")] = "FORUM26",
    name: Annotated[str, typer.Option(help="Name on the certificate.")] = "Lin Yue (demo)",
    as_json: AsJson = False,
) -> None:
    """Walk one guest's way over HTTP, a line a step as it happens."""
    from deploy.story import NotWalked, walk

    try:
        facts = walk(
            url, public_url=public_url or url, scene=scene, name=name, say=(lambda _: None) if as_json else print
        )
    except NotWalked as why:
        raise typer.Exit(_complain(str(why))) from None
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
    elif url == URL:
        # Our own copy, of this checkout.
        print(f"{'stop':12} make down")


@dead.command("list")
def dead_list(service: str, kafka: Kafka = KAFKA, as_json: AsJson = False) -> None:
    """List the dead letters of a service, with the reason of each."""
    from deploy.dead import dead_letters

    async def show() -> int:
        count = 0
        async for letter in dead_letters(kafka, service):
            count += 1
            fields = {
                "place": letter.place,
                "dead_lettered_at": letter.dead_lettered_at.isoformat(),
                "topic": letter.topic,
                "subject": letter.subject,
                "reason": letter.reason,
                "attempts": letter.attempts,
            }
            print(json.dumps(fields, ensure_ascii=False) if as_json else "  ".join(map(str, fields.values())))
        return count

    if not _answered(show()) and not as_json:
        print(f"dead.{service} is empty.")


@dead.command("replay")
def dead_replay(
    service: str,
    places: Annotated[list[str] | None, typer.Argument(help="partition/offset as listed; all by default.")] = None,
    kafka: Kafka = KAFKA,
) -> None:
    """Give dead letters to their service again, after the fix."""
    from deploy.dead import replay

    if service == "ranking":
        raise typer.Exit(_complain("ranking folds all again after a fix: start the new code, or `ranking rebuild`."))
    replayed = _answered(replay(kafka, service, set(places or ())))
    for place, why in replayed.left.items():
        print(f"{place}  not replayed: {why}")
    print(f"{replayed.sent} given to {service} again.")


@ranking.command("rebuild")
def ranking_rebuild(url: Url = URL, as_json: AsJson = False) -> None:
    """Fold the whole log again beside the live boards, compare and swap; exit 1 when the live ones were wrong."""
    import httpx

    from deploy.rebuild import NotRebuilt, rebuild

    try:
        replicas = rebuild(url, staff_token(url, scopes=("ranking:rebuild",)), (lambda _: None) if as_json else print)
    except NotRebuilt as why:
        raise typer.Exit(_complain(str(why))) from None
    except httpx.TransportError as away:
        raise typer.Exit(_complain(f"{url} does not answer ({away!r}). {IS_IT_UP}")) from None
    if as_json:
        print(json.dumps(replicas, indent=2))
    wrong = False
    for replica in replicas:
        found = replica["comparison"]
        differ = bool(found["facts_differ"] or found["boards_differ"])
        wrong = wrong or differ
        facts, boards = (f"{found[f'{what}_differ']:,} of {found[what]:,} {what}" for what in ("facts", "boards"))
        if not as_json:
            print(f"{'WRONG' if differ else 'ok   '}  {replica['replica']}  {facts} and {boards} differed")
    if wrong:
        raise typer.Exit(1)


@diandian.command()
def audit(
    kafka: Kafka = KAFKA,
    mongodb: Annotated[
        str, typer.Option(envvar="MONGODB", help="Where MongoDB answers, without a database.")
    ] = MONGODB,
    sandbox_url: Annotated[
        str, typer.Option(envvar="DIANDIAN_SANDBOX_URL", help="Where the payment provider answers.")
    ] = f"http://{PLACE.address_of('sandbox')}",
    sandbox_key: Annotated[
        str | None,
        typer.Option(envvar="DIANDIAN_SANDBOX_KEY", help="The key that it shares with us.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recount credits, money, orders and events from what is stored and published; exit 1 when something is wrong."""
    from deploy.audit import recount
    from deploy.audit.provider import Provider

    made = HOME / "secrets" / "sandbox"
    key = sandbox_key or (made.read_text() if made.exists() else "")
    findings = _answered(recount(kafka, mongodb, Provider(sandbox_url, key)))
    if as_json:
        print(json.dumps([finding.__dict__ for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            print(f"{'ok   ' if finding.holds else 'WRONG'}  {finding.invariant}  {finding.report}")
    if not all(finding.holds for finding in findings):
        raise typer.Exit(1)


def _answered(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the work comes to; say where nothing answers rather than how the driver found out."""
    import httpx
    from aiokafka.errors import KafkaError

    from shared.mongodb import ConnectionFailure

    # The client's own log has a line for each attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(work)
    except KafkaError as away:
        raise typer.Exit(_complain(f"Kafka does not answer ({away}). {IS_IT_UP}")) from None
    except httpx.HTTPError as away:
        raise typer.Exit(_complain(f"The payment provider does not answer ({away}). {IS_IT_UP}")) from None
    except ConnectionFailure as away:
        where = str(away).partition(" (")[0]
        raise typer.Exit(_complain(f"MongoDB does not answer ({where}). {IS_IT_UP}")) from None


def _complain(text: str) -> int:
    typer.echo(text, err=True)
    return 1


if __name__ == "__main__":
    diandian()
