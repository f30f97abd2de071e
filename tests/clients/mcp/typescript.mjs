// The unmodified TypeScript SDKs against a running server, with a bearer
// token: v1 (@modelcontextprotocol/sdk, which opens with `initialize`) and v2
// (@modelcontextprotocol/client, which speaks MCP 2026-07-28).
//
//   typescript.mjs v1|v2 URL TOKEN
//
// ENTRADA_TEST_NODE_MODULES names the folder of the packages. Prints a line
// for each check and the totals; exits 1 when one failed.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [sdk, url, token] = process.argv.slice(2);
const require = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${sdk}: ${name}` : `FAIL ${sdk}: ${name}: ${JSON.stringify(detail)}`);
}

const v2 = sdk === 'v2';
const { Client, StreamableHTTPClientTransport } = v2
  ? await load('@modelcontextprotocol/client')
  : {
      ...(await load('@modelcontextprotocol/sdk/client/index.js')),
      ...(await load('@modelcontextprotocol/sdk/client/streamableHttp.js')),
    };

async function connect(elicitation) {
  const capabilities = elicitation ? { elicitation: {} } : {};
  const options = { capabilities, ...(v2 && { versionNegotiation: { mode: 'auto' } }) };
  const client = new Client({ name: 'check', version: '1' }, options);
  if (elicitation && v2) client.setRequestHandler('elicitation/create', elicitation);
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return client;
}

const call = (client, params, options) =>
  v2 ? client.callTool(params, options) : client.callTool(params, undefined, options);

async function alert(client) {
  const made = await call(client, {
    name: 'set_weather_alert',
    arguments: { city: 'Evora', condition: 'storm' },
  });
  return { name: 'delete_weather_alert', arguments: { alert_id: made.structuredContent.alert_id } };
}

const plain = await connect();
const names = (await plain.listTools()).tools.map((tool) => tool.name);
check('the list is ordered', names.length > 10 && `${names}` === `${[...names].sort()}`, names);

// The SDK checks structured content against the output schema by itself.
for (const [name, args] of [
  ['get_weather', { city: 'Lisbon' }],
  ['get_weather_forecast', { city: 'Lisbon' }],
  ['secure_query_data', {}],
  ['health_check', {}],
  ['whoami', {}],
]) {
  const result = await call(plain, { name, arguments: args });
  check(`${name} gives what its schema says`, !result.isError && result.structuredContent, result);
}

const told = [];
const question = { name: 'ask_agent', arguments: { agent: 'slow', message: 'Count' } };
const patience = { timeout: 300_000 };
const answer = await call(plain, question, { ...patience, onprogress: (step) => told.push(step.progress) });
check('the agent answers', !answer.isError, answer);
const rising = told.every((step, index) => index === 0 || step > told[index - 1]);
check('a long call tells how far it is', told.length > 3 && rising, told);

// Given up as soon as the agent has been asked.
const going = new AbortController();
try {
  await call(plain, question, { ...patience, signal: going.signal, onprogress: () => going.abort() });
  check('a call that is given up ends', false);
} catch (error) {
  check('a call that is given up ends', going.signal.aborted, String(error));
}

const gone = await call(plain, await alert(plain));
check('who cannot be asked deletes at once', !gone.isError, gone);
await plain.close();

if (v2) {
  const answers = [{ action: 'decline' }, { action: 'accept', content: { confirm: true } }];
  const asked = [];
  const client = await connect(async (request) => {
    asked.push(request.params.message);
    return answers.shift();
  });
  const params = await alert(client);
  const kept = await call(client, params);
  check('who declines deletes nothing', kept.isError === true, kept);
  const deleted = await call(client, params);
  check('who accepts deletes', !deleted.isError, deleted);
  const about = asked.every((message) => message.includes(params.arguments.alert_id));
  check('the question says what it is about', asked.length === 2 && about, asked);
  await client.close();
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
