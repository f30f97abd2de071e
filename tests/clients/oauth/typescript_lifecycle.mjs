// What every TypeScript client is put through, whatever its version: sign-in,
// list, call, refresh, another process, a registration that was lost.
//
//   typescript_v1.mjs|typescript_v2.mjs PHASE BASE STORAGE
//
// PHASE is `sign-in`, `stored` (another process goes on from what the first one
// kept, after the server was started again) or `forgotten` (the server has lost
// the registration: the client finds out when it refreshes and registers again
// by itself). STORAGE is the file where the client keeps what it has.
// ENTRADA_TEST_NODE_MODULES names the folder of the packages,
// ENTRADA_TEST_PYTHON the Python that browser.py beside this file runs with.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const REDIRECT = 'http://127.0.0.1:3031/callback';
const [phase, base, storage] = process.argv.slice(2);
const endpoint = new URL(`${base}/mcp`);
const browser = join(dirname(fileURLToPath(import.meta.url)), 'browser.py');
const packages = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
let [passed, failed] = [0, 0];

// A package of the clients' folder, as it was published.
export const load = (name) => import(pathToFileURL(packages.resolve(name)));

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)}`);
}

// What a client keeps in a file, with a person in place of a browser.
class Provider {
  held = existsSync(storage) ? JSON.parse(readFileSync(storage, 'utf8')) : {};
  signIns = 0;
  // What the client was told to forget, in order.
  forgotten = [];

  constructor(name) {
    this.name = name;
  }
  keep(name, value) {
    this.held[name] = value;
    writeFileSync(storage, JSON.stringify(this.held));
  }
  get redirectUrl() {
    return REDIRECT;
  }
  get clientMetadata() {
    return {
      client_name: this.name,
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  state() {
    this.keep('state', crypto.randomUUID());
    return this.held.state;
  }
  clientInformation() {
    return this.held.client;
  }
  saveClientInformation(client) {
    this.keep('client', client);
  }
  tokens() {
    return this.held.tokens;
  }
  saveTokens(tokens) {
    this.keep('tokens', tokens);
  }
  saveCodeVerifier(verifier) {
    this.keep('verifier', verifier);
  }
  codeVerifier() {
    return this.held.verifier;
  }
  saveDiscoveryState(state) {
    this.keep('discovery', state);
  }
  discoveryState() {
    return this.held.discovery;
  }
  invalidateCredentials(scope) {
    this.forgotten.push(scope);
    const gone = { all: ['client', 'tokens', 'verifier', 'discovery'] }[scope] ?? [scope];
    for (const name of gone) this.keep(name, undefined);
  }
  async redirectToAuthorization(url) {
    this.signIns += 1;
    this.authorize = url;
    const given = [browser, String(url), '--persona', 'writer'];
    const { stdout } = await promisify(execFile)(process.env.ENTRADA_TEST_PYTHON, given);
    this.callback = new URL(stdout.trim());
  }
}

// Opens a connection; a client that is not signed in does so on the way.
async function connect(sdk, provider, era) {
  const transport = () =>
    new sdk.StreamableHTTPClientTransport(endpoint, { authProvider: provider });
  const client = () => new sdk.Client({ name: 'check', version: '1' }, sdk.options(era));
  const first = { client: client(), transport: transport() };
  try {
    await first.client.connect(first.transport);
    return first.client;
  } catch (error) {
    if (!(error instanceof sdk.UnauthorizedError)) throw error;
  }
  await sdk.finish(first.transport, provider.callback.searchParams);
  const second = client();
  await second.connect(transport());
  return second;
}

async function use(sdk, provider, label, era = 'auto') {
  const client = await connect(sdk, provider, era);
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  check(`${label}: writer sees set_weather_alert`, names.includes('set_weather_alert'), names);
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  check(`${label}: whoami names the person`, JSON.stringify(result).includes('Walter'), result);
  await client.close();
}

// The access token is not good any more.
function spoil(provider) {
  provider.keep('tokens', { ...provider.held.tokens, access_token: 'spoilt' });
}

async function refreshed(sdk, provider, label) {
  const before = provider.held.tokens;
  spoil(provider);
  await use(sdk, provider, label);
  const after = provider.held.tokens;
  check(`${label}: the refresh token rotates`, before.refresh_token !== after.refresh_token);
  check(`${label}: the access token is another one`, before.access_token !== after.access_token);
}

async function signIn(sdk, provider) {
  await use(sdk, provider, 'first sign-in');
  check('one sign-in', provider.signIns === 1, provider.signIns);
  const asked = provider.authorize.searchParams;
  check('resource is the MCP endpoint', asked.get('resource') === `${base}/mcp`, [...asked]);
  check('PKCE is used', asked.get('code_challenge_method') === 'S256', [...asked]);
  const answer = provider.callback.searchParams;
  check('the state comes back', answer.get('state') === asked.get('state'), [...answer]);
  check('the issuer comes back', answer.get('iss') === base, [...answer]);
  const { scope, refresh_token: refresh } = provider.held.tokens;
  check('the scope is echoed', scope === asked.get('scope'), [scope, asked.get('scope')]);
  check('there is a refresh token', Boolean(refresh));
  for (const era of sdk.eras) await use(sdk, provider, `${era} era`, era);
  await refreshed(sdk, provider, 'after a refresh');
  check('nobody had to sign in again', provider.signIns === 1, provider.signIns);
  check('nothing was to be forgotten', provider.forgotten.length === 0, provider.forgotten);
}

async function stored(sdk, provider) {
  await use(sdk, provider, 'from stored tokens');
  await refreshed(sdk, provider, 'refreshed after a restart');
  check('nobody had to sign in', provider.signIns === 0, provider.signIns);
}

async function forgotten(sdk, provider) {
  const before = provider.held.client.client_id;
  spoil(provider);
  await use(sdk, provider, 'with a lost registration');
  check('the client was told that it is unknown', ['all', 'client'].includes(provider.forgotten[0]), provider.forgotten);
  check('it registered again', provider.held.client.client_id !== before, before);
  check('one sign-in', provider.signIns === 1, provider.signIns);
  await refreshed(sdk, provider, 'after registering again');
}

// Runs the phase and ends the process. `sdk` holds what differs between
// versions: the classes, `options(era)`, `eras` and `finish(transport, answer)`.
export async function run(sdk) {
  const provider = new Provider(sdk.name);
  const phases = { 'sign-in': signIn, stored, forgotten };
  try {
    await phases[phase](sdk, provider);
  } catch (error) {
    check(`${phase} ends`, false, String(error?.stack ?? error));
  }
  // For whoever damages the server's storage next.
  console.log(`client ${provider.held.client?.client_id}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
