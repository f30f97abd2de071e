// Microsoft's client library for Node against the Entra ID stand-in.
//
// Unmodified @azure/msal-node over https with the stand-in's private CA. It is
// loaded from the directory that this is run in.
//
//     node check.mjs HTTPS_BASE HTTP_CONTROL_BASE CA_FILE
//
// Prints one line per check and `N passed, M failed`; fails when a check does.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [HTTPS, CONTROL, CA] = process.argv
  .slice(2, 5)
  .map((argument) => argument.replace(/\/+$/, ""));

// Node reads the CA once, when it starts.
if (process.env.NODE_EXTRA_CA_CERTS !== CA) {
  const again = spawnSync(process.execPath, process.argv.slice(1), {
    stdio: "inherit",
    env: { ...process.env, NODE_EXTRA_CA_CERTS: CA },
  });
  process.exit(again.status ?? 1);
}

const load = createRequire(join(process.cwd(), "package.json"));
const msal = load("@azure/msal-node");

const CONTOSO = "c0170500-0000-4000-8000-000000000001";
const CLIENT_ID = "e17ada00-0000-4000-8000-000000000001";
const CLIENT_SECRET = "stand-in-client-secret";
const DAEMON_CLIENT_ID = "e17ada00-0000-4000-8000-000000000004";
const DAEMON_CLIENT_SECRET = "stand-in-daemon-secret";
const READER = "0b1ec700-0000-4000-8000-000000000011";
const REDIRECT_URI = "http://localhost:7071/auth/callback";
const SCOPES = [`${CLIENT_ID}/access_as_user`];
const FOUNDRY = ["https://ai.azure.com/.default"];
const CHALLENGE = { access_token: { acrs: { essential: true, value: "c1" } } };

function application(clientId = CLIENT_ID, clientSecret = CLIENT_SECRET, more = {}) {
  return new msal.ConfidentialClientApplication({
    auth: {
      clientId,
      clientSecret,
      authority: `${HTTPS}/${CONTOSO}`,
      knownAuthorities: [new URL(HTTPS).host],
      ...more,
    },
  });
}

async function control(path, body = {}) {
  const answer = await fetch(`${CONTROL}/stand-in/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

const mint = async (request) => (await control("token", request)).access_token;

const unescape = (text) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

/** Does what a person would do in a browser; the parameters for the client. */
async function browse(address, persona = "reader") {
  let answer = await fetch(address, { redirect: "manual" });
  for (const choice of [{ persona }, { decision: "accept" }]) {
    if (answer.status === 302) break;
    const page = await answer.text();
    assert.equal(answer.status, 200, page);
    const action = unescape(page.match(/<form method="post" action="([^"]*)"/)[1]);
    const fields = [...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    answer = await fetch(new URL(action, address), {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams([
        ...fields.map(([, name, value]) => [name, unescape(value)]),
        ...Object.entries(choice),
      ]),
    });
  }
  assert.equal(answer.status, 302);
  return Object.fromEntries(new URL(answer.headers.get("location")).searchParams);
}

async function signIn(app, more = {}) {
  const { verifier, challenge } = await new msal.CryptoProvider().generatePkceCodes();
  const address = await app.getAuthCodeUrl({
    scopes: SCOPES,
    redirectUri: REDIRECT_URI,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
    state: "state",
    nonce: "nonce",
    ...more,
  });
  const answer = await browse(address);
  return app.acquireTokenByCode(
    {
      scopes: SCOPES,
      redirectUri: REDIRECT_URI,
      codeVerifier: verifier,
      code: answer.code,
      state: "state",
      nonce: "nonce",
      ...more,
    },
    answer,
  );
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

async function refused(promise, code, error) {
  const failure = await promise.then(
    () => assert.fail(`AADSTS${code} was expected`),
    (reason) => reason,
  );
  assert.match(String(failure.errorMessage), new RegExp(`AADSTS${code}: `), String(failure));
  assert.equal(failure.errorCode, error);
  return failure;
}

const onBehalfOf = (assertion, app = application()) =>
  app.acquireTokenOnBehalfOf({ oboAssertion: assertion, scopes: FOUNDRY, skipCache: true });

const checks = {
  async authorization_code_with_pkce() {
    const result = await signIn(application());
    const token = claims(result.accessToken);
    assert.equal(token.scp, "access_as_user");
    assert.deepEqual(token.roles, ["Task.Read"]);
    assert.equal(result.account.homeAccountId, `${READER}.${CONTOSO}`);
    assert.equal(result.idTokenClaims.nonce, "nonce");
  },

  async a_wrong_code_verifier() {
    const app = application();
    await refused(signIn(app, { codeVerifier: "x".repeat(43) }), 501481, "invalid_grant");
  },

  async silent_refresh() {
    const app = application();
    const { account, accessToken } = await signIn(app);
    const cached = await app.acquireTokenSilent({ account, scopes: SCOPES });
    assert.equal(cached.accessToken, accessToken);
    const fresh = await app.acquireTokenSilent({ account, scopes: SCOPES, forceRefresh: true });
    assert.notEqual(fresh.accessToken, accessToken);
    const graph = await app.acquireTokenSilent({ account, scopes: ["User.Read"] });
    assert.equal(claims(graph.accessToken).aud, "https://graph.microsoft.com");
  },

  async silent_refresh_of_a_disabled_account() {
    const app = application();
    const { account } = await signIn(app);
    await control("people/reader", { disabled: true });
    const silent = app.acquireTokenSilent({ account, scopes: SCOPES, forceRefresh: true });
    await refused(silent, 50057, "invalid_grant");
  },

  async client_credentials() {
    const app = application(DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET);
    const scopes = [`api://${CLIENT_ID}/.default`];
    const result = await app.acquireTokenByClientCredential({ scopes });
    assert.equal(claims(result.accessToken).idtyp, "app");
    assert.deepEqual(claims(result.accessToken).roles, ["Task.Read"]);
  },

  async on_behalf_of() {
    const { accessToken } = await signIn(application());
    const token = claims((await onBehalfOf(accessToken)).accessToken);
    assert.equal(token.aud, "https://ai.azure.com");
    assert.equal(token.oid, READER);
  },

  async on_behalf_of_a_forged_assertion() {
    const forged = await mint({ persona: "reader", signature: "corrupt" });
    await refused(onBehalfOf(forged), 50013, "invalid_grant");
  },

  async on_behalf_of_without_consent() {
    await control("people/reader", { consent: { "https://ai.azure.com": false } });
    const assertion = await mint({ persona: "reader" });
    const failure = await refused(onBehalfOf(assertion), 65001, "invalid_grant");
    assert.equal(failure.subError, "consent_required");
    assert.ok(failure instanceof msal.InteractionRequiredAuthError);
  },

  async interaction_required_with_claims() {
    const app = application(CLIENT_ID, CLIENT_SECRET, { clientCapabilities: ["cp1"] });
    const { accessToken } = await signIn(app);
    assert.deepEqual(claims(accessToken).xms_cc, ["cp1"]);
    await control("people/reader", { interaction_required: CHALLENGE });
    const failure = await refused(onBehalfOf(accessToken), 50076, "interaction_required");
    assert.ok(failure instanceof msal.InteractionRequiredAuthError);
    assert.deepEqual(JSON.parse(failure.claims), CHALLENGE);
    const stronger = await signIn(app, { claims: failure.claims });
    assert.ok((await onBehalfOf(stronger.accessToken)).accessToken);
  },

  async wrong_secret() {
    const app = application(CLIENT_ID, "wrong");
    const asked = app.acquireTokenByClientCredential({ scopes: FOUNDRY });
    await refused(asked, 7000215, "invalid_client");
  },

  async an_application_that_asks_itself_by_uri() {
    const app = application();
    const scopes = [`api://${CLIENT_ID}/access_as_user`];
    const address = await app.getAuthCodeUrl({ scopes, redirectUri: REDIRECT_URI });
    const answer = await browse(address);
    assert.equal(answer.error, "invalid_request");
    assert.match(answer.error_description, /^AADSTS90009: /);
    const { account } = await signIn(app);
    await refused(app.acquireTokenSilent({ account, scopes }), 90009, "invalid_request");
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await control("reset");
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${String(error).split("\n").join(" ").slice(0, 600)}`);
  }
}
await control("reset");
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
