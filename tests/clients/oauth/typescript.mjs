// The unmodified TypeScript SDKs against a running server: v1
// (@modelcontextprotocol/sdk) and v2 (@modelcontextprotocol/client), from
// discovery and registration to a tool call and a refresh.
//
//   typescript.mjs v1|v2 BASE REDIRECT
//
// ENTRADA_TEST_NODE_MODULES names the folder of the packages, and
// ENTRADA_TEST_PYTHON the Python that browser.py beside this file runs with.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const [sdk, base, redirect] = process.argv.slice(2);
const require = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const browserScript = join(dirname(fileURLToPath(import.meta.url)), 'browser.py');
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${sdk}: ${name}` : `FAIL ${sdk}: ${name}: ${JSON.stringify(detail)}`);
}

async function packages() {
  if (sdk === 'v1') {
    const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { UnauthorizedError } = await load('@modelcontextprotocol/sdk/client/auth.js');
    return { Client, StreamableHTTPClientTransport, UnauthorizedError };
  }
  return load('@modelcontextprotocol/client');
}

// What a client keeps, and a person in place of a browser.
class Provider {
  held = {};
  signIns = 0;
  get redirectUrl() {
    return redirect;
  }
  get clientMetadata() {
    return {
      client_name: `TypeScript SDK ${sdk}`,
      redirect_uris: [redirect],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  state() {
    return (this.held.state ??= crypto.randomUUID());
  }
  clientInformation() {
    return this.held.client;
  }
  saveClientInformation(client) {
    this.held.client = client;
  }
  tokens() {
    return this.held.tokens;
  }
  saveTokens(tokens) {
    this.held.tokens = tokens;
  }
  saveCodeVerifier(verifier) {
    this.held.verifier = verifier;
  }
  codeVerifier() {
    return this.held.verifier;
  }
  discoveryState() {
    return this.held.discovery;
  }
  saveDiscoveryState(state) {
    this.held.discovery = state;
  }
  async redirectToAuthorization(url) {
    this.signIns += 1;
    const given = [browserScript, String(url), '--persona', 'writer'];
    const { stdout } = await promisify(execFile)(process.env.ENTRADA_TEST_PYTHON, given);
    this.callback = new URL(stdout.trim());
  }
}

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await packages();
const provider = new Provider();
const transport = () => new StreamableHTTPClientTransport(new URL(`${base}/mcp`), { authProvider: provider });

async function use(label) {
  const client = new Client({ name: 'check', version: '1' });
  await client.connect(transport());
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  check(`${label}: writer sees set_weather_alert`, names.includes('set_weather_alert'), names);
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  check(`${label}: whoami names the person`, JSON.stringify(result).includes('Walter'), result);
  await client.close();
}

const first = transport();
try {
  await new Client({ name: 'check', version: '1' }).connect(first);
  check('without tokens there is no way in', false);
} catch (error) {
  check('without tokens there is no way in', error instanceof UnauthorizedError, String(error));
}
const answer = provider.callback.searchParams;
check('the state comes back', answer.get('state') === provider.held.state);
check('the issuer comes back', answer.get('iss') === base, answer.get('iss'));
await (sdk === 'v1' ? first.finishAuth(answer.get('code')) : first.finishAuth(answer));
check('the scope is echoed', provider.held.tokens.scope.split(' ').includes('mcp'), provider.held.tokens.scope);
await use('signed in');

// A token that is not good any more: the SDK refreshes by itself.
const before = provider.held.tokens;
provider.held.tokens = { ...before, access_token: 'spoilt' };
await use('after a refresh');
check('the refresh token rotates', provider.held.tokens.refresh_token !== before.refresh_token);
check('one sign-in was enough', provider.signIns === 1, provider.signIns);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
