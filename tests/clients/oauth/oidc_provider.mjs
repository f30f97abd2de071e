// An OpenID provider by somebody else (oidc-provider, which is certified and
// strict) where Entra ID would be: its addresses and claims are those of the
// Microsoft identity platform's version 2, its behaviour is its own. It rotates
// refresh tokens, and ends the sign-in when one is used twice.
//
//   oidc_provider.mjs CERTIFICATE KEY TENANT CLIENT_ID CLIENT_SECRET PORT
//
// Prints `ready` when it listens on https://localhost:PORT. Each line on
// standard input is a redirect URI to register. Prints `authorization {…}` and
// `grant {…}` for what it granted, `refused {…}` for what it did not.
// ENTRADA_TEST_NODE_MODULES names the folder of the packages.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [certificate, key, tenant, clientId, clientSecret, port] = process.argv.slice(2);
const packages = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const { default: Provider, interactionPolicy } = await import(
  pathToFileURL(packages.resolve('oidc-provider'))
);

const mount = `/${tenant}/v2.0`;
const issuer = `https://localhost:${port}${mount}`;
// An application that asks for itself names its scope by its client id.
const resource = `api://${clientId}`;
const scope = `${clientId}/access_as_user`;
// The persona who always signs in.
const person = {
  tid: tenant,
  oid: '0b1ec700-0000-4000-8000-000000000012',
  name: 'Walter Writer',
  preferred_username: 'writer@contoso.example',
  roles: ['Task.Write'],
};

const tell = (what, detail) => console.log(`${what} ${JSON.stringify(detail)}`);

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'RS256', use: 'sig' };
}

function prompts() {
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
  return policy;
}

const keys = [signingKey()];
const redirectUris = [];

function provider() {
  const made = new Provider(issuer, {
    clients: redirectUris.length === 0 ? [] : [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    jwks: { keys },
    scopes: ['openid', 'profile', 'offline_access', scope],
    claims: { openid: ['sub', 'tid', 'oid', 'ver'], profile: ['name', 'preferred_username'] },
    // Entra puts the claims of a scope into the id token itself.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, IdToken: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ver: '2.0', ...person }),
    }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope,
          audience: clientId,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({
      ...person,
      ver: '2.0',
      azp: token.clientId,
      scp: token.scope.split(' ').map((name) => name.split('/').pop()).join(' '),
    }),
    interactions: { policy: prompts(), url: (_, interaction) => `${mount}/interaction/${interaction.uid}` },
    routes: { authorization: '/authorize', token: '/token', jwks: '/keys' },
    cookies: { keys: ['a key of this test'] },
  });
  const refused = (ctx, error) => tell('refused', { path: ctx.path, error: error.message, detail: error.error_description });
  for (const event of ['authorization.error', 'grant.error', 'server_error']) made.on(event, refused);
  made.on('authorization.success', ({ oidc: { params } }) =>
    tell('authorization', { ...params, nonce: Boolean(params.nonce), state: Boolean(params.state) }));
  made.on('grant.success', ({ oidc: { params } }) =>
    tell('grant', { grant_type: params.grant_type, scope: params.scope }));
  return made;
}

// The person agrees to whatever the provider wants to know.
async function interact(request, response) {
  const { prompt, grantId, session, params } = await current.interactionDetails(request, response);
  const answers = {
    select_account: () => ({ select_account: {} }),
    login: () => ({ login: { accountId: 'pairwise subject' } }),
    consent: async () => {
      const grant = grantId
        ? await current.Grant.find(grantId)
        : new current.Grant({ accountId: session.accountId, clientId: params.client_id });
      const { missingOIDCScope = [], missingOIDCClaims = [], missingResourceScopes = {} } = prompt.details;
      grant.addOIDCScope(missingOIDCScope.join(' '));
      grant.addOIDCClaims(missingOIDCClaims);
      for (const [indicator, scopes] of Object.entries(missingResourceScopes)) {
        grant.addResourceScope(indicator, scopes.join(' '));
      }
      return { consent: { grantId: await grant.save() } };
    },
  };
  const answer = await answers[prompt.name]();
  await current.interactionFinished(request, response, answer, { mergeWithLastSubmission: true });
}

// Entra gives refresh tokens without `prompt=consent`, which OpenID Connect
// Core 1.0 section 11 asks for: here the person is asked besides.
function askForConsent(url) {
  const asked = new URL(url, issuer);
  if (!asked.pathname.endsWith('/authorize')) return url;
  const wanted = new Set((asked.searchParams.get('prompt') ?? '').split(' ').filter(Boolean));
  asked.searchParams.set('prompt', [...wanted.add('consent')].join(' '));
  return asked.pathname + asked.search;
}

async function serve(request, response) {
  if (!request.url.startsWith(`${mount}/`)) {
    response.writeHead(404).end();
  } else if (request.url.startsWith(`${mount}/interaction/`)) {
    await interact(request, response);
  } else {
    request.originalUrl = askForConsent(request.url);
    request.url = request.originalUrl.slice(mount.length);
    current.callback()(request, response);
  }
}

let current = provider();
createInterface({ input: process.stdin }).on('line', (line) => {
  redirectUris.push(line);
  current = provider();
  tell('registered', line);
}).on('close', () => process.exit(0));
const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
createServer(tls, (request, response) => {
  serve(request, response).catch((error) => {
    tell('refused', { path: request.url, error: String(error?.stack ?? error) });
    response.writeHead(500).end();
  });
}).listen(Number(port), 'localhost', () => console.log('ready'));
