"""Microsoft's Key Vault client for Python against the Key Vault stand-in.

Unmodified azure-keyvault-secrets and azure-identity, over https. The vault has
its real kind of name (entrada.vault.azure.net), which leads to this machine, so
that the client checks the challenge as it does everywhere; the certificate is
one by a private CA.

    check.py HTTPS_BASE HTTP_CONTROL_BASE CA_FILE

Prints one line per check and `N passed, M failed`; fails when a check does.
"""

import os
import sys
import urllib.parse

HTTPS, CONTROL, CA = (argument.rstrip("/") for argument in sys.argv[1:4])

# The libraries prefer these over the CA that they are given.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
    os.environ.pop(name, None)
os.environ["NO_PROXY"] = "*"
os.environ["IDENTITY_ENDPOINT"] = f"{CONTROL}/msi/token"
os.environ["IDENTITY_HEADER"] = "stand-in-identity-header"

import azure.identity  # noqa: E402
import requests  # noqa: E402
import urllib3.util.connection  # noqa: E402
from azure.core.credentials import AccessToken  # noqa: E402
from azure.core.exceptions import (  # noqa: E402
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.keyvault.secrets import SecretClient  # noqa: E402

CONTOSO = "c0170500-0000-4000-8000-000000000001"
DAEMON_CLIENT_ID = "e17ada00-0000-4000-8000-000000000004"
DAEMON_CLIENT_SECRET = "stand-in-daemon-secret"
MANAGED_IDENTITY_CLIENT_ID = "e17ada00-0000-4000-8000-000000000005"
VAULT = "https://entrada.vault.azure.net"
PORT = urllib.parse.urlparse(HTTPS).port

connect = urllib3.util.connection.create_connection


def connect_here(address, *arguments, **more):
    """What DNS would do: the names of vaults, on any port, lead here."""
    host, _ = address
    if host in ("entrada.vault.azure.net", "vault.example"):
        address = ("127.0.0.1", PORT)
    return connect(address, *arguments, **more)


urllib3.util.connection.create_connection = connect_here


def control(path, body=None):
    """Asks something of the control surface."""
    answer = requests.post(f"{CONTROL}/stand-in/{path}", json=body, timeout=60)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def officer():
    return azure.identity.ClientSecretCredential(
        CONTOSO,
        DAEMON_CLIENT_ID,
        DAEMON_CLIENT_SECRET,
        authority=HTTPS,
        disable_instance_discovery=True,
        connection_verify=CA,
    )


def identity(**more):
    return azure.identity.ManagedIdentityCredential(**more)


def client(credential=None, url=VAULT, **more):
    return SecretClient(
        url, credential or officer(), connection_verify=CA, retry_backoff_factor=0.05, **more
    )


def refused(error, status, code, inner=None):
    assert error.status_code == status, error
    assert error.error.code == code, error.error
    if inner:
        assert error.error.innererror["code"] == inner, error.error.innererror


def raises(kind, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def a_secret_is_set_and_read_back():
    vault = client()
    set_ = vault.set_secret("first", "one", content_type="text/plain", tags={"a": "b"})
    assert set_.name == "first" and set_.properties.version, set_
    assert set_.properties.vault_url == VAULT, set_.properties.vault_url
    read = vault.get_secret("first")
    assert read.value == "one" and read.id == set_.id, read
    assert read.properties.content_type == "text/plain", read.properties
    assert read.properties.tags == {"a": "b"} and read.properties.enabled, read.properties
    assert read.properties.created_on is not None, read.properties


def names_have_no_case():
    vault = client()
    vault.set_secret("Mixed-Case", "one")
    assert vault.get_secret("mixed-case").value == "one"


def a_new_value_is_a_new_version():
    vault = client()
    old = vault.set_secret("versions", "one")
    new = vault.set_secret("versions", "two")
    assert vault.get_secret("versions").value == "two"
    assert vault.get_secret("versions", old.properties.version).value == "one"
    versions = {item.version for item in vault.list_properties_of_secret_versions("versions")}
    assert versions == {old.properties.version, new.properties.version}, versions


def a_missing_secret_is_not_found():
    error = raises(ResourceNotFoundError, client().get_secret, "missing")
    refused(error, 404, "SecretNotFound")


def a_disabled_secret_is_forbidden():
    vault = client()
    vault.set_secret("disabled", "one")
    version = vault.get_secret("disabled").properties.version
    assert vault.update_secret_properties("disabled", version, enabled=False).enabled is False
    refused(raises(HttpResponseError, vault.get_secret, "disabled"), 403, "Forbidden", "SecretDisabled")


def lists_come_in_pages():
    vault = client()
    names = {f"page-{number:02}" for number in range(31)}
    for name in names:
        vault.set_secret(name, "x")
    pages = [list(page) for page in vault.list_properties_of_secrets().by_page()]
    assert len(pages) >= 2 and all(len(page) <= 25 for page in pages), [len(page) for page in pages]
    assert names <= {item.name for page in pages for item in page}


def a_deleted_secret_blocks_its_name_until_it_is_recovered():
    vault = client()
    vault.set_secret("deleted", "one")
    deleted = vault.begin_delete_secret("deleted").result()
    assert deleted.recovery_id == f"{VAULT}/deletedsecrets/deleted", deleted
    assert deleted.scheduled_purge_date > deleted.deleted_date, deleted
    refused(raises(ResourceNotFoundError, vault.get_secret, "deleted"), 404, "SecretNotFound")
    error = raises(ResourceExistsError, vault.set_secret, "deleted", "two")
    refused(error, 409, "Conflict", "ObjectIsDeletedButRecoverable")
    assert [item.name for item in vault.list_deleted_secrets()] == ["deleted"]
    vault.begin_recover_deleted_secret("deleted").wait()
    assert vault.get_secret("deleted").value == "one"


def a_purged_secret_is_gone():
    vault = client()
    vault.set_secret("purged", "one")
    vault.begin_delete_secret("purged").wait()
    vault.purge_deleted_secret("purged")
    raises(ResourceNotFoundError, vault.get_deleted_secret, "purged")
    assert vault.set_secret("purged", "two").value == "two"


def a_value_has_25_kilobytes_at_most():
    vault = client()
    assert vault.set_secret("long", "x" * 25_600).value
    refused(raises(HttpResponseError, vault.set_secret, "long", "x" * 25_601), 400, "BadParameter")


def a_name_has_letters_digits_and_hyphens():
    refused(raises(HttpResponseError, client().set_secret, "a_b", "x"), 400, "BadParameter")


def an_unknown_version_of_the_protocol_is_refused():
    answer = requests.get(
        f"{HTTPS}/secrets/first",
        params={"api-version": "1999-01-01"},
        headers={"authorization": "Bearer " + officer().get_token("https://vault.azure.net/.default").token},
        verify=CA,
        timeout=60,
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "BadParameter", answer.text


def a_request_without_a_token_is_challenged():
    answer = requests.get(f"{HTTPS}/secrets/first", params={"api-version": "7.6"}, verify=CA, timeout=60)
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer authorization="), challenge
    assert 'resource="https://vault.azure.net"' in challenge, challenge
    assert answer.json()["error"]["code"] == "Unauthorized", answer.text


def a_token_for_another_resource_is_refused():
    class Elsewhere:
        def get_token(self, *scopes, **more):
            return officer().get_token("https://graph.microsoft.com/.default")

    error = raises(HttpResponseError, client(Elsewhere()).get_secret, "first")
    assert error.status_code == 401, error


def a_vault_of_another_domain_is_not_given_a_token():
    error = raises(ValueError, client(url="https://vault.example").get_secret, "first")
    assert "does not match the requested domain" in str(error), error


def throttled_requests_are_tried_again():
    vault = client()
    vault.set_secret("throttled", "one")
    control("faults", {"route": "/secrets/throttled", "status": 429, "times": 2, "retry_after": 0})
    assert vault.get_secret("throttled").value == "one"


def the_managed_identity_reads_and_does_not_write():
    client().set_secret("shared", "one")
    vault = client(identity(client_id=MANAGED_IDENTITY_CLIENT_ID))
    assert vault.get_secret("shared").value == "one"
    error = raises(HttpResponseError, vault.set_secret, "shared", "two")
    refused(error, 403, "Forbidden", "ForbiddenByRbac")


def a_role_counts_when_it_is_assigned():
    client().set_secret("roles", "one")
    vault = client(identity(client_id=MANAGED_IDENTITY_CLIENT_ID))
    control("vault-access", {"role": "none"})
    refused(raises(HttpResponseError, vault.get_secret, "roles"), 403, "Forbidden", "ForbiddenByRbac")
    control("vault-access", {"role": "secrets_user"})
    assert vault.get_secret("roles").value == "one"


def an_identity_that_is_not_assigned_gets_no_token():
    other = identity(client_id="00000000-0000-4000-8000-000000000009")
    raises(ClientAuthenticationError, other.get_token, "https://vault.azure.net/.default")


def a_token_of_the_identity_says_when_it_expires():
    named = identity(client_id=MANAGED_IDENTITY_CLIENT_ID)
    token = named.get_token("https://storage.azure.com/.default")
    assert isinstance(token, AccessToken) and token.expires_on > 0, token


CHECKS = [
    a_secret_is_set_and_read_back,
    names_have_no_case,
    a_new_value_is_a_new_version,
    a_missing_secret_is_not_found,
    a_disabled_secret_is_forbidden,
    lists_come_in_pages,
    a_deleted_secret_blocks_its_name_until_it_is_recovered,
    a_purged_secret_is_gone,
    a_value_has_25_kilobytes_at_most,
    a_name_has_letters_digits_and_hyphens,
    an_unknown_version_of_the_protocol_is_refused,
    a_request_without_a_token_is_challenged,
    a_token_for_another_resource_is_refused,
    a_vault_of_another_domain_is_not_given_a_token,
    throttled_requests_are_tried_again,
    the_managed_identity_reads_and_does_not_write,
    a_role_counts_when_it_is_assigned,
    an_identity_that_is_not_assigned_gets_no_token,
    a_token_of_the_identity_says_when_it_expires,
]

failed = 0
for check in CHECKS:
    try:
        check()
        print(f"ok   {check.__name__}")
    except Exception as error:  # noqa: BLE001
        failed += 1
        print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
print(f"{len(CHECKS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
