"""Lists and calls the tool with the official Python SDK, whichever release is installed.

    sdk.py stdio COMMAND...      over standard input and output
    sdk.py http URL              over Streamable HTTP
    sdk.py sse URL               over HTTP+SSE

Prints one line of JSON: what was listed, what two calls gave, and which revision was spoken.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client

GOOD = {"code": "print('Schlange \U0001f40d', 6 * 7)"}
BAD = {"code": "1 / 0"}


def told(result):
    failed = getattr(result, "isError", None)
    if failed is None:
        failed = getattr(result, "is_error", None)
    return {"failed": bool(failed), "text": "\n".join(block.text for block in result.content)}


async def ask(session):
    listed = await session.list_tools()
    return {
        "tools": [tool.name for tool in listed.tools],
        "good": told(await session.call_tool("execute-python", GOOD)),
        "bad": told(await session.call_tool("execute-python", BAD)),
    }


def parameters(command):
    # Old releases hand on an environment of their own choice: the server needs to know its engine.
    return StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))


async def by_session(kind, target):
    if kind == "stdio":
        transport = stdio_client(parameters(target))
    elif kind == "sse":
        transport = sse_client(target[0])
    else:
        import mcp.client.streamable_http as module

        connect = getattr(module, "streamablehttp_client", None) or module.streamable_http_client
        transport = connect(target[0])
    async with transport as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            opened = await session.initialize()
            revision = getattr(opened, "protocolVersion", None) or opened.protocol_version
            return {"revision": revision, **await ask(session)}


async def by_client(kind, target):
    """The newest releases have a client of their own, that finds out which era the server speaks."""
    from mcp import Client

    place = {"stdio": lambda: parameters(target), "http": lambda: target[0], "sse": lambda: sse_client(target[0])}
    async with Client(place[kind]()) as client:
        return {"revision": client.protocol_version, **await ask(client)}


async def main():
    kind, target = sys.argv[1], sys.argv[2:]
    try:
        from mcp import Client  # noqa: F401
    except ImportError:
        answers = [await by_session(kind, target)]
    else:
        answers = [await by_client(kind, target)]
    print(json.dumps(answers))


asyncio.run(asyncio.wait_for(main(), 100))
