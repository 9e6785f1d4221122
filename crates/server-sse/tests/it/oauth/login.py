"""Logs in with the official Python SDK, which is told nothing but an address, and calls the tool there.

    login.py URL

Prints one line of JSON: what the call gave, and how often somebody had to log in.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

BACK = "http://127.0.0.1:1/back"


class Memory:
    """What is kept of a login."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Person:
    """Somebody with a browser, who agrees to everything."""

    logins = 0
    went_to = ""

    async def go(self, address):
        self.logins += 1
        async with httpx2.AsyncClient() as browser:
            sent_back = await browser.get(address)
        self.went_to = sent_back.headers["location"]

    async def come_back(self):
        fields = parse_qs(urlsplit(self.went_to).query)
        return AuthorizationCodeResult(**{name: fields[name][0] for name in ("code", "state", "iss")})


async def main():
    person = Person()
    metadata = OAuthClientMetadata(client_name="test", redirect_uris=[BACK], token_endpoint_auth_method="none")
    login = OAuthClientProvider(
        server_url=sys.argv[1],
        client_metadata=metadata,
        storage=Memory(),
        redirect_handler=person.go,
        callback_handler=person.come_back,
    )
    async with httpx2.AsyncClient(auth=login, timeout=30) as http:
        async with Client(streamable_http_client(sys.argv[1], http_client=http)) as client:
            result = await client.call_tool("bench", {"task": "say"})
    print(json.dumps({"text": result.content[0].text, "logins": person.logins}))


asyncio.run(asyncio.wait_for(main(), 90))
