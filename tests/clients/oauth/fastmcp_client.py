"""The unmodified OAuth client of FastMCP against a running server. It opens
the browser that $BROWSER names, which is browser.py here.
"""

import argparse
import asyncio
import os
import shlex
import sys
from pathlib import Path

PORT = 33420
SCRIPT = Path(__file__).with_name("browser.py")
os.environ["BROWSER"] = (
    f"{shlex.quote(sys.executable)} {shlex.quote(str(SCRIPT))} %s"
    " --persona writer --call &"
)

from fastmcp import Client  # noqa: E402  (reads $BROWSER when it is imported)
from fastmcp.client.auth import OAuth  # noqa: E402

passed, failed = 0, 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"ok {name}" if good else f"FAIL {name}: {detail}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the server's base URL")
    given = parser.parse_args()
    auth = OAuth(client_name="FastMCP", callback_port=PORT, callback_timeout=60)
    async with Client(f"{given.url}/mcp", auth=auth) as client:
        names = [tool.name for tool in await client.list_tools()]
        check("writer sees set_weather_alert", "set_weather_alert" in names, names)
        result = await client.call_tool("whoami", {})
        check("whoami names the person", "Walter" in str(result), result)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
