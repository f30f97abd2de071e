"""Microsoft's client libraries for Python against the Entra ID stand-in.

Unmodified MSAL and azure-identity, over https with the stand-in's private CA:
what they accept from Entra they must accept from the stand-in, and what they
report as Entra's refusals the stand-in must give.

    check.py HTTPS_BASE HTTP_CONTROL_BASE CA_FILE

Prints one line per check and `N passed, M failed`; fails when a check does.
"""

import base64
import datetime
import hashlib
import json
import os
import sys
import urllib.parse
from html.parser import HTMLParser

HTTPS, CONTROL, CA = (argument.rstrip("/") for argument in sys.argv[1:4])

# The libraries prefer these over the CA that they are given.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
    os.environ.pop(name, None)
os.environ["NO_PROXY"] = "*"

import azure.core.exceptions  # noqa: E402
import azure.identity  # noqa: E402
import msal  # noqa: E402
import requests  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402

CONTOSO = "c0170500-0000-4000-8000-000000000001"
CLIENT_ID = "e17ada00-0000-4000-8000-000000000001"
CLIENT_SECRET = "stand-in-client-secret"
PUBLIC_CLIENT_ID = "e17ada00-0000-4000-8000-000000000002"
DAEMON_CLIENT_ID = "e17ada00-0000-4000-8000-000000000004"
DAEMON_CLIENT_SECRET = "stand-in-daemon-secret"
MANAGED_IDENTITY_CLIENT_ID = "e17ada00-0000-4000-8000-000000000005"
READER = "0b1ec700-0000-4000-8000-000000000011"

AUTHORITY = f"{HTTPS}/{CONTOSO}"
REDIRECT_URI = "http://localhost:7071/auth/callback"
SCOPE = [f"{CLIENT_ID}/access_as_user"]
FOUNDRY = ["https://ai.azure.com/.default"]
CHALLENGE = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


class Form(HTMLParser):
    """The first form of a page: its address and hidden fields."""

    def __init__(self, html):
        super().__init__()
        self.action, self.fields = None, {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes["action"]
        if tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes["value"]


def browse(address, persona="reader"):
    """Does what a person would do in a browser; returns the parameters that
    reach the client."""
    session = requests.Session()
    session.trust_env = False
    answer = session.get(address, verify=CA, allow_redirects=False, timeout=60)
    for choice in ({"persona": persona}, {"decision": "accept"}):
        if answer.status_code == 302:
            break
        assert answer.status_code == 200, answer.text
        form = Form(answer.text)
        action = urllib.parse.urljoin(address, form.action)
        if action.startswith(REDIRECT_URI):
            return form.fields
        answer = session.post(
            action, data=form.fields | choice, verify=CA, allow_redirects=False, timeout=60
        )
    if answer.status_code == 200:
        return Form(answer.text).fields
    assert answer.status_code == 302, answer.text
    location = urllib.parse.urlparse(answer.headers["location"])
    return dict(urllib.parse.parse_qsl(location.query))


def control(path, body=None):
    """Asks something of the control surface."""
    answer = requests.post(f"{CONTROL}/stand-in/{path}", json=body, timeout=60)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def application(client_id=CLIENT_ID, credential=CLIENT_SECRET, **more):
    return msal.ConfidentialClientApplication(
        client_id,
        client_credential=credential,
        authority=AUTHORITY,
        instance_discovery=False,
        verify=CA,
        **more,
    )


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def sign_in(app, scopes=SCOPE, persona="reader", **more):
    flow = app.initiate_auth_code_flow(scopes, redirect_uri=REDIRECT_URI, **more)
    result = app.acquire_token_by_auth_code_flow(flow, browse(flow["auth_uri"], persona))
    assert "access_token" in result, result
    return result


def refused(result, code, error, suberror=None):
    assert result.get("error") == error, result
    assert code in result["error_codes"], result
    assert result["error_description"].startswith(f"AADSTS{code}: "), result
    if suberror:
        assert result.get("suberror") == suberror, result


def authorization_code_with_pkce():
    result = sign_in(application())
    token = claims(result["access_token"])
    assert token["aud"] == CLIENT_ID and token["ver"] == "2.0", token
    assert token["scp"] == "access_as_user" and token["roles"] == ["Task.Read"], token
    assert token["oid"] == READER and token["tid"] == CONTOSO, token
    assert token["azp"] == CLIENT_ID and token["azpacr"] == "1", token
    assert result["id_token_claims"]["aud"] == CLIENT_ID, result["id_token_claims"]
    assert "scp" not in result["id_token_claims"], result["id_token_claims"]
    assert result["refresh_token"], result


def authorization_code_by_form_post():
    sign_in(application(), response_mode="form_post")


def public_client():
    app = msal.PublicClientApplication(
        PUBLIC_CLIENT_ID, authority=AUTHORITY, instance_discovery=False, verify=CA
    )
    flow = app.initiate_auth_code_flow(
        [f"api://{CLIENT_ID}/access_as_user"], redirect_uri="http://localhost:53682/callback"
    )
    result = app.acquire_token_by_auth_code_flow(flow, browse(flow["auth_uri"], "writer"))
    assert claims(result["access_token"])["azpacr"] == "0", result


def account_cache_and_silent_refresh():
    app = application()
    first = sign_in(app)
    [account] = app.get_accounts()
    assert account["home_account_id"] == f"{READER}.{CONTOSO}", account
    cached = app.acquire_token_silent(SCOPE, account=account)
    assert cached["access_token"] == first["access_token"], cached
    fresh = app.acquire_token_silent(SCOPE, account=account, force_refresh=True)
    assert fresh["access_token"] != first["access_token"], fresh
    graph = app.acquire_token_silent(["User.Read"], account=account)
    assert claims(graph["access_token"])["aud"] == "https://graph.microsoft.com", graph
    assert claims(graph["access_token"])["ver"] == "1.0", graph


def silent_refresh_of_a_disabled_account():
    app = application()
    sign_in(app)
    control("people/reader", {"disabled": True})
    [account] = app.get_accounts()
    result = app.acquire_token_silent_with_error(SCOPE, account=account, force_refresh=True)
    refused(result, 50057, "invalid_grant")


def silent_refresh_of_ended_sessions():
    app = application()
    sign_in(app)
    control("people/reader", {"revoke_sessions": True})
    [account] = app.get_accounts()
    result = app.acquire_token_silent_with_error(SCOPE, account=account, force_refresh=True)
    refused(result, 50173, "invalid_grant")


def client_credentials():
    app = application(DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET)
    result = app.acquire_token_for_client([f"api://{CLIENT_ID}/.default"])
    token = claims(result["access_token"])
    assert token["idtyp"] == "app" and "scp" not in token, token
    assert token["roles"] == ["Task.Read"] and token["oid"] == token["sub"], token
    cached = app.acquire_token_for_client([f"api://{CLIENT_ID}/.default"])
    assert cached["token_source"] == "cache", cached


def on_behalf_of():
    app = application()
    assertion = sign_in(app)["access_token"]
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    token = claims(result["access_token"])
    assert token["aud"] == "https://ai.azure.com", token
    assert token["scp"] == "user_impersonation" and token["oid"] == READER, token
    assert token["appid"] == CLIENT_ID, token


def on_behalf_of_with_a_certificate():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "entrada")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    credential = {"private_key": private_key, "public_certificate": certificate}
    assertion = control("token", {"persona": "reader"})["access_token"]
    result = application(credential=credential).acquire_token_on_behalf_of(assertion, FOUNDRY)
    refused(result, 700027, "invalid_client")
    control("certificates", {"certificate_pem": certificate})
    result = application(credential=credential).acquire_token_on_behalf_of(assertion, FOUNDRY)
    assert claims(result["access_token"])["appidacr"] == "2", result
    # The older shape: SHA-1 thumbprint and PKCS #1 v1.5.
    der = base64.b64decode("".join(certificate.splitlines()[1:-1]))
    credential = {"private_key": private_key, "thumbprint": hashlib.sha1(der).hexdigest()}
    result = application(credential=credential).acquire_token_on_behalf_of(assertion, FOUNDRY)
    assert "access_token" in result, result


def on_behalf_of_with_a_managed_identity():
    def identity_token(resource="api://AzureADTokenExchange"):
        answer = requests.get(
            f"{CONTROL}/msi/token",
            params={
                "api-version": "2019-08-01",
                "resource": resource,
                "client_id": MANAGED_IDENTITY_CLIENT_ID,
            },
            headers={"x-identity-header": "stand-in-identity-header"},
            timeout=60,
        )
        assert answer.ok, answer.text
        return answer.json()["access_token"]

    def ask(token):
        assertion = control("token", {"persona": "reader"})["access_token"]
        app = application(credential={"client_assertion": token})
        return app.acquire_token_on_behalf_of(assertion, FOUNDRY)

    result = ask(identity_token())
    assert claims(result["access_token"])["appidacr"] == "2", result
    refused(ask(identity_token("https://vault.azure.net")), 700211, "invalid_client")
    person = control("token", {"persona": "reader"})["access_token"]
    refused(ask(person), 700212, "invalid_client")
    for state, code in (("propagating", 70021), ("other_subject", 700213), ("absent", 70025)):
        control("federated-credential", {"state": state})
        refused(ask(identity_token()), code, "invalid_client")
    control("federated-credential", {"state": "trusted"})
    assert "access_token" in ask(identity_token())


def on_behalf_of_a_forged_assertion():
    forged = control("token", {"persona": "reader", "signature": "corrupt"})["access_token"]
    result = application().acquire_token_on_behalf_of(forged, FOUNDRY)
    refused(result, 50013, "invalid_grant")


def on_behalf_of_without_consent():
    control("people/reader", {"consent": {"https://ai.azure.com": False}})
    assertion = control("token", {"persona": "reader"})["access_token"]
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    refused(result, 65001, "invalid_grant", "consent_required")


def on_behalf_of_after_asking_for_consent():
    control("people/reader", {"consent": {"https://ai.azure.com": False}})
    app = application()
    sign_in(app, ["https://ai.azure.com/user_impersonation"])
    assertion = control("token", {"persona": "reader"})["access_token"]
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    assert "access_token" in result, result


def on_behalf_of_an_application():
    assertion = control("token", {"persona": "daemon"})["access_token"]
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    refused(result, 7000114, "invalid_grant")


def on_behalf_of_an_id_token():
    assertion = control("token", {"persona": "reader", "kind": "id"})["access_token"]
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    refused(result, 240002, "invalid_request")


def interaction_required_with_claims():
    app = application(client_capabilities=["cp1"])
    assertion = sign_in(app)["access_token"]
    assert claims(assertion)["xms_cc"] == ["cp1"], claims(assertion)
    control("people/reader", {"interaction_required": CHALLENGE})
    result = application().acquire_token_on_behalf_of(assertion, FOUNDRY)
    refused(result, 50076, "interaction_required")
    assert json.loads(result["claims"]) == CHALLENGE, result
    stronger = sign_in(app, claims_challenge=result["claims"])["access_token"]
    result = application().acquire_token_on_behalf_of(stronger, FOUNDRY)
    assert "access_token" in result, result


def wrong_secret():
    result = application(credential="wrong").acquire_token_for_client(FOUNDRY)
    refused(result, 7000215, "invalid_client")


def an_application_that_asks_itself_by_uri():
    app = application()
    flow = app.initiate_auth_code_flow(
        [f"api://{CLIENT_ID}/access_as_user"], redirect_uri=REDIRECT_URI
    )
    result = app.acquire_token_by_auth_code_flow(flow, browse(flow["auth_uri"]))
    assert result["error"] == "invalid_request", result
    assert result["error_description"].startswith("AADSTS90009: "), result
    sign_in(app)
    [account] = app.get_accounts()
    result = app.acquire_token_silent_with_error(
        [f"api://{CLIENT_ID}/access_as_user"], account=account
    )
    refused(result, 90009, "invalid_request")


def prompt_none_without_a_session():
    app = application()
    flow = app.initiate_auth_code_flow(SCOPE, redirect_uri=REDIRECT_URI, prompt="none")
    result = app.acquire_token_by_auth_code_flow(flow, browse(flow["auth_uri"]))
    assert result["error"] == "login_required", result


def keys_after_a_rotation():
    control("rotate-keys", {"old_keys": "dropped"})
    sign_in(application())


IDENTITY = {
    "authority": HTTPS,
    "disable_instance_discovery": True,
    "connection_verify": CA,
    "retry_total": 0,
}


def azure_identity_client_secret():
    credential = azure.identity.ClientSecretCredential(
        CONTOSO, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, **IDENTITY
    )
    token = claims(credential.get_token(f"api://{CLIENT_ID}/.default").token)
    assert token["idtyp"] == "app", token


def azure_identity_on_behalf_of():
    assertion = control("token", {"persona": "writer"})["access_token"]
    credential = azure.identity.OnBehalfOfCredential(
        CONTOSO, CLIENT_ID, client_secret=CLIENT_SECRET, user_assertion=assertion, **IDENTITY
    )
    token = claims(credential.get_token("https://graph.microsoft.com/.default").token)
    assert token["upn"] == "writer@contoso.example", token


def azure_identity_reports_the_refusal():
    assertion = control("token", {"persona": "writer", "expires_in": -10})["access_token"]
    credential = azure.identity.OnBehalfOfCredential(
        CONTOSO, CLIENT_ID, client_secret=CLIENT_SECRET, user_assertion=assertion, **IDENTITY
    )
    try:
        credential.get_token("https://graph.microsoft.com/.default")
    except azure.core.exceptions.ClientAuthenticationError as error:
        assert "AADSTS500133" in str(error), error
    else:
        raise AssertionError("an expired assertion was accepted")


CHECKS = [
    authorization_code_with_pkce,
    authorization_code_by_form_post,
    public_client,
    account_cache_and_silent_refresh,
    silent_refresh_of_a_disabled_account,
    silent_refresh_of_ended_sessions,
    client_credentials,
    on_behalf_of,
    on_behalf_of_with_a_certificate,
    on_behalf_of_with_a_managed_identity,
    on_behalf_of_a_forged_assertion,
    on_behalf_of_without_consent,
    on_behalf_of_after_asking_for_consent,
    on_behalf_of_an_application,
    on_behalf_of_an_id_token,
    interaction_required_with_claims,
    wrong_secret,
    an_application_that_asks_itself_by_uri,
    prompt_none_without_a_session,
    keys_after_a_rotation,
    azure_identity_client_secret,
    azure_identity_on_behalf_of,
    azure_identity_reports_the_refusal,
]


def main():
    failed = 0
    for check in CHECKS:
        try:
            control("reset")
            check()
        except Exception as error:  # noqa: BLE001: a check may fail in any way
            failed += 1
            print(f"FAIL {check.__name__}: {type(error).__name__}: {error}"[:600])
        else:
            print(f"ok {check.__name__}")
    control("reset")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
