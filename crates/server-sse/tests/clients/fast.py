"""FastMCP: `fast.py stdio COMMAND... | http URL | sse URL`."""

import asyncio
import importlib.metadata
import os
import sys

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

from orders import obey


class Follower:
    version = importlib.metadata.version("fastmcp")

    def __init__(self, client):
        self.client, self.revision = client, client.protocol_version

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, code, progress):
        return await self.client.call_tool_mcp("execute-python", {"code": code}, progress_handler=progress)

    async def gone(self, name):
        """It tells the server by itself."""


async def main(kind, target):
    transport = {
        "stdio": lambda: StdioTransport(target[0], target[1:], env=dict(os.environ), keep_alive=False),
        "http": lambda: StreamableHttpTransport(target[0]),
        "sse": lambda: SSETransport(target[0]),
    }[kind]()
    async with Client(transport) as client:
        await obey(Follower(client))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
