"""The Python `mcp` SDK at /runtime/webhooks/mcp, with bearer tokens.

    webhook.py URL extension|handler LISTED READER WRITER

Behind the MCP extension of a Functions host everybody sees the same list and
nobody is challenged; the handler itself answers as it does at /mcp.
LISTED tools are in a reader's list. Prints a line for each check and the totals; exits 1 when one failed.
"""

import asyncio
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

url, door, listed, reader, writer = sys.argv[1:]
passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"ok {name}" if good else f"FAIL {name}: {detail}")


def http_client(token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(headers=headers, timeout=120)


async def call(client, name, arguments):
    try:
        return await client.call_tool(name, arguments)
    except Exception as error:  # the SDK's own type differs by era
        return error


def refused(result, text):
    if door == "handler":
        return isinstance(result, Exception)
    return getattr(result, "is_error", False) and text in result.content[0].text


async def as_caller(mode):
    async with http_client(reader) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        check(f"{mode}: the list holds {listed} tools", len(names) == int(listed), names)
        weather = await call(client, "get_weather", {"city": "Lisbon"})
        content = getattr(weather, "structured_content", None) or {}
        check(f"{mode}: a reader calls get_weather", content.get("city") == "Lisbon", weather)
        hidden = await call(client, "set_weather_alert", {"city": "Lisbon", "condition": "storm"})
        check(f"{mode}: a reader sets no alert", refused(hidden, "Unknown tool"), hidden)
        wrong = await call(client, "get_weather", {"city": 5})
        check(f"{mode}: arguments are checked", isinstance(wrong, Exception) or wrong.is_error, wrong)
    async with http_client(writer) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        made = await call(client, "set_weather_alert", {"city": "Porto", "condition": f"storm {mode}"})
        content = getattr(made, "structured_content", None) or {}
        check(f"{mode}: a writer sets an alert", "alert_id" in content, made)


async def without_token(mode):
    async with http_client(None) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        answer = await call(client, "whoami", {})
        check(f"{mode}: without a token: where to sign in", refused(answer, "oauth-protected-resource"), answer)
        info = await call(client, "get_authentication_info", {})
        check(f"{mode}: the public tool answers", not getattr(info, "is_error", True), info)


async def main():
    for mode in ("auto", "legacy"):
        await as_caller(mode)
        # Without a token the handler lets nobody open a session.
        if door == "extension":
            await without_token(mode)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
