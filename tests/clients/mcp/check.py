"""The Python `mcp` SDK against a running server, with bearer tokens.

Prints a line for each check and the totals; exits 1 when one failed.
"""

import argparse
import asyncio
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

PUBLIC = ["get_authentication_info"]
READ = PUBLIC + ["get_weather", "get_weather_forecast", "graph_me", "health_check", "secure_query_data", "whoami"]
passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"ok {name}" if good else f"FAIL {name}: {detail}")


def http_client(token):
    return httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=120)


async def names(client):
    return [tool.name for tool in (await client.list_tools()).tools]


async def call(client, name, arguments):
    try:
        return await client.call_tool(name, arguments)
    except Exception as error:  # the SDK's own type differs by era
        return error


async def as_reader(url, token, mode):
    async with http_client(token) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        check(f"{mode}: reader sees exactly the read tools", await names(client) == READ, await names(client))
        weather = await call(client, "get_weather", {"city": "Lisbon"})
        content = getattr(weather, "structured_content", None) or {}
        check(f"{mode}: reader calls get_weather", content.get("city") == "Lisbon", weather)
        hidden = await call(client, "set_weather_alert", {"city": "Lisbon", "condition": "storm"})
        unknown = await call(client, "no_such_tool", {"city": "Lisbon", "condition": "storm"})
        same = str(hidden).replace("set_weather_alert", "X") == str(unknown).replace("no_such_tool", "X")
        check(f"{mode}: a hidden tool answers as an unknown one", isinstance(hidden, Exception) and same, (hidden, unknown))


async def as_writer(url, token, mode, phase):
    async with http_client(token) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        if phase == "before":
            made = await call(client, "set_weather_alert", {"city": "Porto", "condition": f"storm {mode}"})
            content = getattr(made, "structured_content", None) or {}
            check(f"{mode}: writer sets an alert", "alert_id" in content, made)
        weather = await call(client, "get_weather", {"city": "Porto"})
        alerts = (getattr(weather, "structured_content", None) or {}).get("alerts", [])
        there = any(alert["condition"] == f"storm {mode}" for alert in alerts)
        check(f"{mode}: the alert is there {phase} the restart", there, alerts)


async def as_norole(url, token, mode):
    async with http_client(token) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        check(f"{mode}: norole sees nothing but what is public", await names(client) == PUBLIC, await names(client))


async def as_deleter(url, token):
    """Asked before something is deleted: yes and no, and by whom cannot be asked."""
    answers, asked = [], []

    async def answer(context, params):
        asked.append(params.message)
        return ElicitResult(**answers.pop(0))

    async def alert(client):
        made = await call(client, "set_weather_alert", {"city": "Faro", "condition": "storm"})
        return {"alert_id": made.structured_content["alert_id"]}

    async with http_client(token) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode="auto", elicitation_callback=answer) as client:
            arguments = await alert(client)
            answers[:] = [{"action": "decline"}, {"action": "accept", "content": {"confirm": True}}]
            kept = await call(client, "delete_weather_alert", arguments)
            check("auto: who declines deletes nothing", getattr(kept, "is_error", False), kept)
            gone = await call(client, "delete_weather_alert", arguments)
            content = getattr(gone, "structured_content", None) or {}
            check("auto: who accepts deletes", content == arguments, gone)
            check("auto: the question says what it is about", len(asked) == 2 and all(arguments["alert_id"] in text for text in asked), asked)
        for mode in ("auto", "legacy"):
            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                arguments = await alert(client)
                gone = await call(client, "delete_weather_alert", arguments)
                content = getattr(gone, "structured_content", None) or {}
                check(f"{mode}: who cannot be asked deletes at once", content == arguments, gone)


async def as_asker(url, token, mode):
    told = []

    async def progress(done, total, message):
        told.append((done, message))

    async with http_client(token) as http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        answer = await client.call_tool("ask_agent", {"agent": "slow", "message": "Count"}, progress_callback=progress)
        check(f"{mode}: the agent answers", not answer.is_error, answer)
        steps = [done for done, _ in told]
        check(f"{mode}: a long call tells how far it is", len(steps) > 3 and steps == sorted(set(steps)), told)


async def as_guest(url, token):
    async with http_client(token) as http:
        answer = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        header = answer.headers.get("www-authenticate", "")
        check("guest of another tenant gets 401 that says so", answer.status_code == 401 and "tenant" in header, header)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "phase", "reader", "writer", "all", "norole", "guest"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    for mode in ("auto", "legacy"):
        await as_reader(given.url, given.reader, mode)
        await as_writer(given.url, given.writer, mode, given.phase)
        await as_norole(given.url, given.norole, mode)
        if given.phase == "before":
            await as_asker(given.url, given.writer, mode)
    if given.phase == "before":
        await as_deleter(given.url, given.all)
    await as_guest(given.url, given.guest)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
