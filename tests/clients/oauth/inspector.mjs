// The unmodified MCP Inspector on the command line against a running server:
// it registers, has the person sign in, keeps what it got and refreshes it.
//
//   inspector.mjs PHASE BASE FOLDER
//
// PHASE is `sign-in`, `stored` (after the server was started again) or
// `forgotten` (the server has lost the registration). FOLDER is where the
// Inspector keeps its state, the tokens in the clear so that they can be spoilt.
// ENTRADA_TEST_NODE_MODULES names the folder of the packages,
// ENTRADA_TEST_PYTHON the Python that browser.py beside this file runs with.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [phase, base, folder] = process.argv.slice(2);
const program = join(
  process.env.ENTRADA_TEST_NODE_MODULES,
  '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);
const browser = join(dirname(fileURLToPath(import.meta.url)), 'browser.py');
const environment = {
  PATH: process.env.PATH,
  HOME: folder,
  MCP_STORAGE_DIR: join(folder, 'storage'),
  MCP_INSPECTOR_SECRET_STORE: 'file',
  MCP_AUTO_OPEN_ENABLED: 'true',
};
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)}`);
}

function ended(child) {
  return new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
}

// Runs the Inspector once. It prints where to sign in, which the person does.
async function inspect(...given) {
  const child = spawn(process.execPath, [program, '--cli', `${base}/mcp`, '--format', 'json', ...given], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const answer = { text: '', said: '', signIns: [] };
  child.stdout.on('data', (data) => (answer.text += data));
  createInterface({ input: child.stderr }).on('line', (line) => {
    answer.said += `${line}\n`;
    const url = line.match(/^Please navigate to: (\S+)$/)?.[1];
    if (url) {
      const person = spawn(process.env.ENTRADA_TEST_PYTHON, [browser, url, '--persona', 'writer', '--call']);
      answer.signIns.push(ended(person));
    }
  });
  const code = await ended(child);
  const shown = await Promise.all(answer.signIns);
  return { ...answer, code, shown };
}

async function use(label, era, signIns) {
  const listed = await inspect('--protocol-era', era, '--method', 'tools/list');
  check(`${label}: the Inspector ends well`, listed.code === 0, listed);
  check(`${label}: writer sees set_weather_alert`, listed.text.includes('"set_weather_alert"'), listed);
  check(`${label}: sign-ins`, listed.signIns.length === signIns, listed.said);
  check(`${label}: the browser was shown the end`, listed.shown.every((code) => code === 0), listed.shown);
  const called = await inspect('--protocol-era', era, '--method', 'tools/call', '--tool-name', 'whoami');
  check(`${label}: whoami names the person`, called.code === 0 && called.text.includes('Walter'), called);
  check(`${label}: no further sign-in`, called.signIns.length === 0, called.said);
}

const secrets = join(environment.MCP_STORAGE_DIR, 'secrets.json');
const state = join(environment.MCP_STORAGE_DIR, 'oauth.json');

// The kept tokens, changed by `change`; gives what they were.
function tokens(change = (held) => held) {
  const file = JSON.parse(readFileSync(secrets, 'utf8'));
  const name = Object.keys(file.secrets).find((key) => key.includes(':tokens:'));
  const held = JSON.parse(file.secrets[name]);
  file.secrets[name] = JSON.stringify(change(held));
  writeFileSync(secrets, JSON.stringify(file));
  return held;
}

function clientId() {
  const { servers } = JSON.parse(readFileSync(state, 'utf8'));
  return servers[`${base}/mcp`].byIssuer[base].clientInformation.client_id;
}

const spoil = (held) => ({ ...held, access_token: 'spoilt' });

async function refreshed(label) {
  const before = tokens(spoil);
  await use(label, 'legacy', 0);
  const after = tokens();
  check(`${label}: the refresh token rotates`, before.refresh_token !== after.refresh_token);
  check(`${label}: the access token is another one`, before.access_token !== after.access_token);
}

const phases = {
  'sign-in': async () => {
    await use('first sign-in', 'auto', 1);
    await use('initialize era', 'legacy', 0);
    await refreshed('after a refresh');
  },
  stored: async () => {
    await use('from stored tokens', 'modern', 0);
    await refreshed('refreshed after a restart');
  },
  forgotten: async () => {
    const before = clientId();
    tokens(spoil);
    await use('with a lost registration', 'auto', 1);
    check('it registered again', clientId() !== before, before);
    await refreshed('after registering again');
  },
};

try {
  await phases[phase]();
} catch (error) {
  check(`${phase} ends`, false, String(error?.stack ?? error));
}
// For whoever damages the server's storage next.
console.log(`client ${clientId()}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
