"""A browser without a screen: cookies, redirects followed by hand, the first
form of a page submitted by the button that is meant.

Used in place of a person by the scripts beside it, and as a program
(`browser.py URL --persona NAME`), which prints the address
that the client is called back at, and with `--call` calls it.
"""

import argparse
import asyncio
import os
import ssl
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

STEPS = 20


class Forms(HTMLParser):
    """The forms of a page: action, hidden and checked fields, buttons."""

    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.forms.append({"action": given.get("action", ""), "fields": {}, "buttons": []})
        elif self.forms and tag == "input" and given.get("type") in ("hidden", "text"):
            self.forms[-1]["fields"][given["name"]] = given.get("value", "")
        elif self.forms and tag == "button":
            self.forms[-1]["buttons"].append((given.get("name"), given.get("value", "")))


def trust():
    """The system's authorities and the one that SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    if os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(os.environ["SSL_CERT_FILE"])
    return context


class Browser:
    def __init__(self, persona, answer="approve"):
        self.persona = persona
        self.answer = answer
        self.http = httpx2.AsyncClient(verify=trust(), follow_redirects=False, timeout=120)
        self.pages = []

    async def close(self):
        await self.http.aclose()

    async def go(self, url, redirect):
        """From `url` to the address under `redirect` that the client waits at."""
        response = await self.http.get(url)
        for _ in range(STEPS):
            url = str(response.request.url)
            if response.is_redirect:
                url = urljoin(url, response.headers["location"])
                if url.startswith(redirect):
                    return url
                response = await self.http.get(url)
            elif response.status_code == 200:
                response = await self.submit(url, response)
            else:
                raise RuntimeError(f"{response.status_code} at {url}: {response.text[:2000]}")
        raise RuntimeError(f"no end in {STEPS} steps, at {url}")

    async def submit(self, url, response):
        self.pages.append((url, response.text))
        parser = Forms()
        parser.feed(response.text)
        for form in parser.forms:
            for name, value in form["buttons"]:
                if value in (self.persona, self.answer):
                    data = {**form["fields"], name: value}
                    action = urljoin(url, form["action"])
                    origin = "/".join(action.split("/")[:3])
                    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
                    return await self.http.post(action, data=data, headers=headers)
        raise RuntimeError(f"no form to go on with at {url}: {response.text[:2000]}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--persona", required=True)
    parser.add_argument("--call", action="store_true")
    given = parser.parse_args()
    redirect = parse_qs(urlsplit(given.url).query)["redirect_uri"][0]
    browser = Browser(given.persona)
    address = await browser.go(given.url, redirect)
    await browser.close()
    print(address)
    if given.call:
        sys.exit(await call(address))


async def call(address):
    """Calls the client, which may not listen yet."""
    async with httpx2.AsyncClient(timeout=120) as http:
        for _ in range(600):
            try:
                answer = await http.get(address)
                return 0 if answer.status_code < 400 else 1
            except httpx2.ConnectError:
                await asyncio.sleep(0.1)
    return 1


if __name__ == "__main__":
    asyncio.run(main())
