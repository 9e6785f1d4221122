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

from orders import obey


class Follower:
    """What all releases have in common."""

    version = importlib.metadata.version("mcp")

    def __init__(self, session, revision):
        self.session, self.revision = session, revision
        self.reports_progress = "progress_callback" in inspect.signature(session.call_tool).parameters

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, code, progress):
        options = {"progress_callback": progress} if self.reports_progress else {}
        return await self.session.call_tool("execute-python", {"code": code}, **options)

    async def gone(self, name):
        """The newest releases tell the server by themselves."""


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
    async with transport as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            opened = await session.initialize()
            await obey(OldFollower(session, opened.protocolVersion))


async def by_client(kind, target):
    """The newest releases have a client of their own, that finds out which era the server speaks."""
    from mcp import Client

    place = {"stdio": lambda: parameters(target), "http": lambda: target[0], "sse": lambda: sse_client(target[0])}
    async with Client(place[kind]()) as client:
        await obey(Follower(client, client.protocol_version))


follow = by_session if Follower.version.startswith("1.") else by_client
asyncio.run(follow(sys.argv[1], sys.argv[2:]))
