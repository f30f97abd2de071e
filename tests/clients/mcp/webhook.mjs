// Both TypeScript SDKs at /runtime/webhooks/mcp, with bearer tokens.
//
//   webhook.mjs URL extension|handler LISTED READER WRITER
//
// Behind the MCP extension of a Functions host everybody sees the same list and
// nobody is challenged; the handler itself answers as it does at /mcp. LISTED
// tools are in a reader's list.
// ENTRADA_TEST_NODE_MODULES names the folder of the packages.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [url, door, listed, reader, writer] = process.argv.slice(2);
const packages = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const load = (name) => import(pathToFileURL(packages.resolve(name)));
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)} ${detail?.message ?? ''}`);
}

async function connected(sdk, token, work) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const transport = new sdk.StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const client = new sdk.Client({ name: 'webhook', version: '1.0.0' }, sdk.options);
  await client.connect(transport);
  await work((name, args) => client.callTool({ name, arguments: args }).catch((error) => error), client);
  await client.close();
}

const refused = (result, text) =>
  door === 'handler' ? result instanceof Error : result.isError && result.content[0].text.includes(text);

async function run(sdk) {
  await connected(sdk, reader, async (call, client) => {
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    check(`${sdk.name}: the list holds ${listed} tools`, names.length === Number(listed), names);
    const weather = await call('get_weather', { city: 'Lisbon' });
    check(`${sdk.name}: a reader calls get_weather`, weather.structuredContent?.city === 'Lisbon', weather);
    const hidden = await call('set_weather_alert', { city: 'Lisbon', condition: 'storm' });
    check(`${sdk.name}: a reader sets no alert`, refused(hidden, 'Unknown tool'), hidden);
  });
  await connected(sdk, writer, async (call) => {
    const made = await call('set_weather_alert', { city: 'Porto', condition: 'storm' });
    check(`${sdk.name}: a writer sets an alert`, made.structuredContent?.alert_id, made);
  });
  if (door !== 'extension') return;
  await connected(sdk, null, async (call) => {
    const answer = await call('whoami', {});
    check(`${sdk.name}: without a token: where to sign in`, refused(answer, 'oauth-protected-resource'), answer);
    const info = await call('get_authentication_info', {});
    check(`${sdk.name}: the public tool answers`, info.structuredContent?.login_url, info);
  });
}

const one = {
  name: 'SDK 1',
  ...(await load('@modelcontextprotocol/sdk/client/index.js')),
  ...(await load('@modelcontextprotocol/sdk/client/streamableHttp.js')),
  options: {},
};
await run(one);
const two = await load('@modelcontextprotocol/client');
for (const mode of ['legacy', 'auto']) {
  await run({ ...two, name: `SDK 2, ${mode}`, options: { versionNegotiation: { mode } } });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
