"""Puts the stack together: engines, resources, functions, pumps, gateway."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.routing import Route

from local import deployment, engines, openapi, processes, roles, template, workers
from local.authorizer import Authorizer, Keys
from local.clock import VirtualClock
from local.control import Control
from local.deployment import AsyncInvocations, Deployment
from local.engines import Clients, TableEngine
from local.errors import LocalStackError
from local.gateway import Gateway
from local.log import Log
from local.pumps import Bell, Pumps
from local.queues import Queue
from local.resources import Resources, given_parameters, on_engines, stripe_webhook_secret
from local.schedules import OneTime, Regular
from local.streams import Stream
from local.stripe_account import StripeAccount
from local.waiting import MotoEngine

_SEEDING = processes.ROOT / "local" / "seeding"


class _AnyPath(PathConvertor):
    """Line breaks are of a path, too: Starlette's own answers for those without asking us."""

    regex = r"(?s:.*)"


register_url_convertor("any", _AnyPath())

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is ready: serve ``application`` and run ``pumps``."""

    application: Starlette
    pumps: Pumps


@asynccontextmanager
async def assembled(
    template_file: Path, table_engine: TableEngine, folder: Path, log: Log
) -> AsyncIterator[Stack]:
    """Start everything the template describes; all of it is gone when the block ends.

    ``folder`` is for scratch files. Raises LocalStackError if something cannot be started.
    """
    clock = VirtualClock.create(folder / "clock")
    async with AsyncExitStack() as running:
        zygote = running.enter_context(workers.zygote(log))
        starting = running.enter_context(engines.starting(table_engine, clock, folder, log.file))
        keys = Keys()
        translated = await asyncio.to_thread(template.translated, template_file)
        running_engines = await starting.ready()
        clients = await asyncio.to_thread(Clients, running_engines)
        resources = Resources(
            translated, given_parameters(clients, translated), on_engines(clients)
        )
        await asyncio.to_thread(resources.make_all)
        plan = deployment.read(resources.of_type, template_file.parent)
        allowed = roles.of_functions(translated, resources.evaluator)
        roles.check_what_lambda_does(plan, allowed, roles.Record(os.environ.get("GRANTS", "")))
        await zygote.ready()

        bell = Bell()
        functions = {
            name: workers.function(
                function, running_engines.environment, clock, zygote, log, allowed[name]
            )
            for name, function in plan.functions.items()
        }
        moto = MotoEngine(running_engines.moto_url)
        pumps = _pumps(plan, functions, moto, clients, clock, bell, log)
        authorizers = {
            name: Authorizer(configuration, keys)
            for name, configuration in plan.api.authorizers.items()
        }
        if len(plan.api.authorizers) != 1:
            raise LocalStackError("The local stack makes tokens for exactly one JWT authorizer.")
        gateway = Gateway(plan.api, functions, authorizers, clock.now, bell, log)
        secret = await asyncio.to_thread(stripe_webhook_secret, clients, translated)
        control = Control(
            clock=clock,
            pumps=pumps,
            engine=moto,
            keys=keys,
            jwt=next(iter(plan.api.authorizers.values())),
            groups=[
                group["GroupName"]
                for group in resources.of_type("AWS::Cognito::UserPoolGroup").values()
            ],
            seed=workers.function(_seeding(plan), running_engines.environment, clock, zygote, log),
            describe=lambda: openapi.described(plan.api, plan.functions, zygote, log),
            stripe=StripeAccount(moto, gateway, secret, clock.now),
        )
        routes = [*control.routes(), Route("/{path:any}", gateway.answer, methods=_METHODS)]
        yield Stack(Starlette(routes=routes), pumps)


def _pumps(
    plan: Deployment,
    functions: dict[str, workers.Function],
    moto: MotoEngine,
    clients: Clients,
    clock: VirtualClock,
    bell: Bell,
    log: Log,
) -> Pumps:
    return Pumps(
        moto,
        [
            Stream(source, functions[source.function], clients, clock.now, log)
            for source in plan.streams
        ],
        [Queue(source, functions[source.function], clients) for source in plan.queues],
        OneTime(clients, log),
        [
            Regular(
                source,
                functions[source.function],
                plan.async_invocations.get(source.function, AsyncInvocations()),
                clients,
                clock.now(),
            )
            for source in plan.rates
        ],
        clock,
        bell,
    )


def _seeding(plan: Deployment) -> deployment.Function:
    """A function of ours beside the template's: seeds like an application with every setting."""
    environment: dict[str, str] = {}
    layers: dict[Path, None] = {}
    for function in plan.functions.values():
        environment |= function.environment
        layers |= dict.fromkeys(function.layers)
    return deployment.Function(
        name="Seeding",
        arn=template.arn("lambda", "function:Seeding"),
        handler="seed.handler",
        code=_SEEDING,
        layers=tuple(layers),
        environment=environment | {"POWERTOOLS_SERVICE_NAME": "seeding"},
        timeout_s=120.0,
        memory_mb=1024,
        max_instances=1,
    )
