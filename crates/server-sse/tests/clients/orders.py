"""Follows a test's orders with whatever MCP client is plugged in; README.md has the orders and reports.

A client is an object with `version`, `revision`, `tools()` and `call(name, code, progress)`, and `gone(name)`, which is
awaited after a call was cancelled and tells the server where the library does not. One that logs has `listen()`, which
asks for messages; it reports them by `heard`. `progress` is none for a call that shall not ask for it.
"""

import asyncio
import json
import sys

# An order holds a program, a report a whole result.
LONGEST_LINE = 16 * 1024 * 1024


def report(**seen):
    print(json.dumps(seen), flush=True)


def told(result):
    """A result of any release: they differ in how they spell its fields."""

    def field(*names):
        return next((getattr(result, name) for name in names if getattr(result, name, None) is not None), None)

    return {
        "failed": bool(field("isError", "is_error")),
        "text": "\n".join(block.text for block in result.content if block.type == "text"),
        "structured": field("structuredContent", "structured_content"),
        "kinds": [kind(block) for block in result.content],
    }


def kind(block):
    """What a block is, and the part of it that shows that it arrived whole."""
    detail = {
        "image": lambda: block.data,
        "resource_link": lambda: block.name,
        "resource": lambda: getattr(block.resource, "text", None),
    }
    return [block.type, detail.get(block.type, lambda: None)()]


async def obey(client):
    orders = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    report(version=client.version, revision=client.revision)
    calls, cancelled = {}, set()
    while line := await orders.readline():
        order = json.loads(line)
        if order["do"] == "list":
            report(tools=await client.tools())
        elif order["do"] == "call":
            watching = watch(client, cancelled, order["call"], order["code"], order.get("quiet", False))
            calls[order["call"]] = asyncio.create_task(watching)
        elif order["do"] == "listen":
            await client.listen()
            report(listens=True)
        elif order["do"] == "cancel":
            cancelled.add(order["call"])
            calls[order["call"]].cancel()
        else:
            raise ValueError(f"there is no order {order}")


def heard(params):
    """Reports a log message."""
    report(log=params.data, level=params.level, logger=params.logger)


async def watch(client, cancelled, name, code, quiet):
    async def progress(value, total=None, message=None):
        report(call=name, progress=value, message=message)

    try:
        result = await client.call(name, code, None if quiet else progress)
    except asyncio.CancelledError:
        if name not in cancelled:
            # The connection is being closed around it.
            raise
        await client.gone(name)
        report(call=name, cancelled=True)
    except Exception as error:
        report(call=name, error=f"{type(error).__name__}: {error}")
    else:
        report(call=name, **told(result))
