"""The official Python SDK, whichever release is installed: `sdk.py stdio COMMAND... | http URL | sse URL`."""

import asyncio
import importlib.metadata
import inspect
import os
import sys

import mcp.types as types
from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client

from orders import heard, obey


class Follower:
    """What all releases have in common."""

    version = importlib.metadata.version("mcp")

    def __init__(self, session, revision):
        self.session, self.revision = session, revision
        self.reports_progress = "progress_callback" in inspect.signature(session.call_tool).parameters

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, code, progress):
        options = {"progress_callback": progress} if self.reports_progress and progress else {}
        return await self.session.call_tool("execute-python", {"code": code}, **options)

    async def gone(self, name):
        """The newest releases tell the server by themselves."""

    async def listen(self):
        """The newest releases say what they want to hear with every request."""


class OldFollower(Follower):
    """Releases before 2 forget a cancelled call without a word; whoever uses them has to tell the server."""

    def __init__(self, session, revision):
        super().__init__(session, revision)
        self.ids = {}

    async def call(self, name, code, progress):
        # The next request's number: the call takes it before it waits for anything.
        self.ids[name] = self.session._request_id
        return await super().call(name, code, progress)

    async def gone(self, name):
        params = types.CancelledNotificationParams(requestId=self.ids[name])
        cancelled = types.CancelledNotification(method="notifications/cancelled", params=params)
        await self.session.send_notification(types.ClientNotification(cancelled))

    async def listen(self):
        await self.session.set_logging_level("info")


def parameters(command):
    # Old releases hand on an environment of their own choice: the server needs to know its engine.
    return StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))


async def by_session(kind, target):
    if kind == "stdio":
        transport = stdio_client(parameters(target))
    elif kind == "sse":
        transport = sse_client(target[0])
    else:
        from mcp.client.streamable_http import streamablehttp_client

        transport = streamablehttp_client(target[0])
    has_callback = "logging_callback" in inspect.signature(ClientSession).parameters
    options = {"logging_callback": log} if has_callback else {}
    async with transport as streams:
        async with ClientSession(streams[0], streams[1], **options) as session:
            opened = await session.initialize()
            reading = None if has_callback else asyncio.create_task(read_logs(session))
            await obey(OldFollower(session, opened.protocolVersion))
            if reading:
                reading.cancel()


async def log(params):
    heard(params)


async def read_logs(session):
    """The first releases hand all notifications out."""
    async for message in session.incoming_messages:
        notification = getattr(message, "root", None)
        if isinstance(notification, types.LoggingMessageNotification):
            heard(notification.params)


async def by_client(kind, target):
    """The newest releases have a client of their own, that finds out which era the server speaks."""
    from mcp import Client

    place = {"stdio": lambda: parameters(target), "http": lambda: target[0], "sse": lambda: sse_client(target[0])}
    async with Client(place[kind](), logging_callback=log, log_level="info") as client:
        await obey(Follower(client, client.protocol_version))


follow = by_session if Follower.version.startswith("1.") else by_client
asyncio.run(follow(sys.argv[1], sys.argv[2:]))
