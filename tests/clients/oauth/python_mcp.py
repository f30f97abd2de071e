"""The unmodified OAuthClientProvider of the Python `mcp` SDK against a running
server: discovery, registration, consent, sign-in, list, call, refresh.

    --phase sign-in   signs in, calls, and is made to refresh
    --phase stored    goes on from what the first phase stored, after the server
                      was started again
    --phase forgotten the server lost the client's registration: the client
                      notices and registers again

Prints a line for each check and the totals; exits 1 when one failed.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from browser import Browser
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

REDIRECT = "http://127.0.0.1:3030/callback"
passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"ok {name}" if good else f"FAIL {name}: {detail}")


class FileStorage:
    """Tokens and registration in a file, as a client keeps them."""

    def __init__(self, path):
        self.path = Path(path)
        self.held = json.loads(self.path.read_text()) if self.path.exists() else {}

    def write(self, name, value):
        self.held[name] = value and json.loads(value.model_dump_json())
        self.path.write_text(json.dumps(self.held))

    async def get_tokens(self):
        held = self.held.get("tokens")
        return held and OAuthToken.model_validate(held)

    async def set_tokens(self, tokens):
        self.write("tokens", tokens)

    async def get_client_info(self):
        held = self.held.get("client")
        return held and OAuthClientInformationFull.model_validate(held)

    async def set_client_info(self, info):
        self.write("client", info)

    def forget(self):
        self.held = {}
        self.path.write_text("{}")


class Person:
    """Signs in when the client asks."""

    def __init__(self, persona):
        self.persona = persona
        self.sign_ins = 0
        self.authorize = ""
        self.stuck = ""
        self.pages = []

    async def redirect(self, url):
        self.authorize = url
        browser = Browser(self.persona)
        try:
            self.callback = await browser.go(url, REDIRECT)
        except RuntimeError as error:
            self.stuck = str(error)
            raise
        finally:
            await browser.close()
        self.pages = browser.pages
        self.sign_ins += 1

    async def result(self):
        query = parse_qs(urlsplit(self.callback).query)
        one = lambda name: query.get(name, [None])[0]
        return AuthorizationCodeResult(code=one("code"), state=one("state"), iss=one("iss"))


def provider(url, storage, person):
    metadata = OAuthClientMetadata(
        client_name="Python SDK",
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=storage,
        redirect_handler=person.redirect,
        callback_handler=person.result,
    )


async def use(url, auth, mode, label):
    """Lists and calls; true when both worked."""
    async with httpx2.AsyncClient(auth=auth, timeout=120) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            check(f"{label}: writer sees set_weather_alert", "set_weather_alert" in names, names)
            result = await client.call_tool("whoami", {})
            content = getattr(result, "structured_content", None) or {}
            check(f"{label}: whoami names the person", "Walter" in json.dumps(content), result)


async def sign_in(url, base, storage):
    person = Person("writer")
    auth = provider(url, storage, person)
    await use(url, auth, "auto", "first sign-in")
    check("one sign-in", person.sign_ins == 1, person.sign_ins)
    shown = person.pages[0][1] if person.pages else ""
    check("the consent page comes before Entra", "/consent" in person.pages[0][0], person.pages[0][0])
    check("the consent page names client and redirect URI", "Python SDK" in shown and "127.0.0.1" in shown, shown)
    query = parse_qs(urlsplit(person.authorize).query)
    check("resource is the MCP endpoint", query.get("resource") == [f"{base}/mcp"], query)
    tokens = storage.held["tokens"]
    check("the scope is echoed by the name asked for", tokens["scope"] == " ".join(query["scope"]), (tokens["scope"], query))
    check("there is a refresh token", bool(tokens.get("refresh_token")))
    await forced_refresh(url, auth, storage)
    check("refreshing needs no person", person.sign_ins == 1, person.sign_ins)
    await use(url, auth, "legacy", "initialize era")


async def forced_refresh(url, auth, storage):
    before = dict(storage.held["tokens"])
    auth.context.token_expiry_time = 1.0
    await use(url, auth, "auto", "after a refresh")
    after = storage.held["tokens"]
    check("the refresh token rotates", before["refresh_token"] != after["refresh_token"])
    check("the access token is another one", before["access_token"] != after["access_token"])


async def stored(url, storage):
    person = Person("writer")
    auth = provider(url, storage, person)
    await use(url, auth, "auto", "from stored tokens")
    await forced_refresh(url, auth, storage)
    check("nobody had to sign in", person.sign_ins == 0, person.sign_ins)


async def forgotten(url, storage):
    before = storage.held["client"]["client_id"]
    person = Person("writer")
    auth = provider(url, storage, person)
    await auth._initialize()
    auth._initialized = True
    auth.context.token_expiry_time = 1.0
    # The SDK notes "Token refresh failed: 401" (invalid_client), goes on to
    # sign in with the registration that it has, and the person gets stuck.
    try:
        await use(url, auth, "auto", "with a forgotten registration")
        check("a forgotten client is refused", False)
    except Exception as error:
        told = "not known here" in person.stuck
        check("a forgotten client gets a page that says so", told, (person.stuck, repr(error)))
    storage.forget()
    auth = provider(url, storage, person)
    await use(url, auth, "auto", "registered again")
    check("it is another registration", storage.held["client"]["client_id"] != before)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the server's base URL")
    parser.add_argument("--storage", required=True, help="file for tokens and registration")
    parser.add_argument("--phase", required=True, choices=["sign-in", "stored", "forgotten"])
    given = parser.parse_args()
    storage = FileStorage(given.storage)
    url = f"{given.url}/mcp"
    if given.phase == "sign-in":
        await sign_in(url, given.url, storage)
    elif given.phase == "stored":
        await stored(url, storage)
    else:
        await forgotten(url, storage)
    print(f"client {storage.held['client']['client_id']}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
