"""The unmodified client of FastMCP against a running server: its own discovery,
registration, callback listener and retries. Only the browser that it opens is
browser.py.

    --phase sign-in   signs in, calls, and is made to refresh
    --phase stored    another process goes on from what the first one kept
    --phase forgotten the server lost the registration: the client finds out
                      and registers again by itself

Prints a line for each check and the totals; exits 1 when one failed.
"""

import argparse
import asyncio
import subprocess
import sys
import traceback
import webbrowser
from pathlib import Path

from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import (
    FileTreeStore,
    FileTreeV1CollectionSanitizationStrategy,
    FileTreeV1KeySanitizationStrategy,
)

BROWSER = Path(__file__).with_name("browser.py")
passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"ok {name}" if good else f"FAIL {name}: {detail}")


class Person(webbrowser.BaseBrowser):
    """Signs in when a browser is opened, in a process of its own."""

    def __init__(self):
        super().__init__("person")
        self.opened = []

    def open(self, url, new=0, autoraise=True):
        self.opened.append(subprocess.Popen([sys.executable, BROWSER, url, "--persona", "writer", "--call"]))
        return True


async def use(auth, url, label):
    """Lists and calls; gives what the client holds now."""
    async with Client(url, auth=auth) as client:
        names = [tool.name for tool in await client.list_tools()]
        check(f"{label}: writer sees set_weather_alert", "set_weather_alert" in names, names)
        result = await client.call_tool("whoami", {})
        check(f"{label}: whoami names the person", "Walter" in str(result), result)
    return await auth.token_storage_adapter.get_tokens()


async def refreshed(new, url, label):
    """A new client on the same store, whose access token has expired."""
    kept = new().token_storage_adapter
    before = await kept.get_tokens()
    await kept.set_tokens(before.model_copy(update={"expires_in": -1}))
    after = await use(new(), url, label)
    check(f"{label}: the refresh token rotates", before.refresh_token != after.refresh_token)
    check(f"{label}: the access token is another one", before.access_token != after.access_token)


async def sign_in(new, url, person):
    tokens = await use(new(), url, "first sign-in")
    check("one sign-in", len(person.opened) == 1, person.opened)
    check("there is a refresh token", bool(tokens.refresh_token))
    await refreshed(new, url, "after a refresh")
    check("nobody had to sign in again", len(person.opened) == 1, person.opened)


async def stored(new, url, person):
    await use(new(), url, "from stored tokens")
    await refreshed(new, url, "refreshed after a restart")
    check("nobody had to sign in", not person.opened, person.opened)


async def forgotten(new, url, person):
    kept = new().token_storage_adapter
    before = await kept.get_client_info()
    await kept.set_tokens((await kept.get_tokens()).model_copy(update={"expires_in": -1}))
    await use(new(), url, "with a lost registration")
    after = await kept.get_client_info()
    check("it registered again", before.client_id != after.client_id, after.client_id)
    check("one sign-in", len(person.opened) == 1, person.opened)
    await refreshed(new, url, "after registering again")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the server's base URL")
    parser.add_argument("--storage", required=True, help="folder for tokens and registration")
    parser.add_argument("--phase", required=True, choices=["sign-in", "stored", "forgotten"])
    given = parser.parse_args()
    person = Person()
    webbrowser.register("person", None, person, preferred=True)
    url = f"{given.url}/mcp"
    folder = Path(given.storage)
    folder.mkdir(exist_ok=True)
    store = FileTreeStore(
        data_directory=folder,
        key_sanitization_strategy=FileTreeV1KeySanitizationStrategy(folder),
        collection_sanitization_strategy=FileTreeV1CollectionSanitizationStrategy(folder),
    )
    new = lambda: OAuth(url, client_name="FastMCP", token_storage=store, callback_timeout=120)
    phases = {"sign-in": sign_in, "stored": stored, "forgotten": forgotten}
    try:
        await phases[given.phase](new, url, person)
    except BaseException:
        check(f"{given.phase} ends", False, traceback.format_exc())
    for process in person.opened:
        check("the browser was shown the end", process.wait(120) == 0, process.returncode)
    # For whoever damages the server's storage next.
    client = await new().token_storage_adapter.get_client_info()
    print(f"client {client and client.client_id}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
