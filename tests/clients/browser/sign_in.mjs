// A person with a real browser signs in to a client: consent, the identity
// provider's page, refusal, the back button, a form that is submitted twice,
// two tabs, no scripts.
//
//   sign_in.mjs BASE ENTRA SCREENSHOTS
//
// BASE is the server, ENTRA the stand-in's origin as browsers see it, and
// SCREENSHOTS the folder for pictures. ENTRADA_TEST_CHROMIUM names the browser,
// ENTRADA_TEST_NODE_MODULES the folder of the packages.
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [base, entra, screenshots] = process.argv.slice(2);
const packages = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const { chromium } = packages('playwright-core');
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)}`);
}

// The client, where browsers come back to.
const listener = createServer((_, response) => {
  response.setHeader('content-type', 'text/html').end('<!doctype html><title>Client</title><p>Back at the client.');
});
await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
const client = `http://127.0.0.1:${listener.address().port}`;
const redirect = `${client}/callback`;

async function post(path, body) {
  const answer = await fetch(base + path, { method: 'POST', body, headers: typeof body === 'string' ? { 'content-type': 'application/json' } : {} });
  return { status: answer.status, json: await answer.json() };
}

const registered = await post('/register', JSON.stringify({
  client_name: 'Weather Desk',
  redirect_uris: [redirect],
  token_endpoint_auth_method: 'none',
}));
const clientId = registered.json.client_id;

// One authorization request of the client's, with what it needs to go on.
function request(changes = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(12).toString('base64url');
  const asked = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirect,
    state,
    resource: `${base}/mcp`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  });
  return { url: `${base}/authorize?${asked}`, state, verifier };
}

// What the client does with the answer that the browser brought.
async function redeem(made, url) {
  const answer = new URL(url).searchParams;
  const tokens = await post('/token', new URLSearchParams({
    grant_type: 'authorization_code',
    code: answer.get('code') ?? '',
    client_id: clientId,
    redirect_uri: redirect,
    code_verifier: made.verifier,
  }));
  return { own: answer.get('state') === made.state && answer.get('iss') === base, tokens };
}

async function completes(label, made, page) {
  await page.waitForURL(`${redirect}?**`).catch(() => {});
  const { own, tokens } = await redeem(made, page.url());
  check(`${label}: the answer is for this request`, own, page.url());
  check(`${label}: the code is good`, tokens.status === 200 && Boolean(tokens.json.access_token), tokens.json.error ?? page.url());
}

const browser = await chromium.launch({
  executablePath: process.env.ENTRADA_TEST_CHROMIUM,
  headless: true,
  timeout: 180_000,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});
const faults = [];
const strangers = new Set();

// A browser without cookies, watched for errors and foreign addresses.
async function fresh(options = {}) {
  // The stand-in's https is by a private CA, which Chromium takes from nowhere
  // but the system.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 800 }, ...options });
  context.setDefaultTimeout(60_000);
  context.on('page', (page) => {
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error}`));
    page.on('console', (message) => {
      // A refusal is a page whose status is that of an error, which Chromium
      // notes; anything else that it notes is a fault.
      const refusal = message.text().includes('responded with a status of 400') && message.location().url === page.url();
      if (['error', 'warning'].includes(message.type()) && !refusal) faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on('requestfailed', (failure) => {
      const why = failure.failure()?.errorText;
      if (why !== 'net::ERR_ABORTED') faults.push(`${failure.url()}: ${why}`);
    });
  });
  context.on('request', (sent) => {
    const { origin } = new URL(sent.url());
    if (![base, entra, client].includes(origin)) strangers.add(origin);
  });
  return context;
}

const allow = (page) => page.getByRole('button', { name: 'Allow and go on' });
const refuse = (page) => page.getByRole('button', { name: 'Do not allow' });
const account = (page, persona) => page.locator(`button[name=persona][value=${persona}]`);

// Allows twice, as by a double click: the form is sent, nobody shows its answer,
// and it is sent again. (Of a real double click's two navigations the browser
// drops one, sometimes the one and sometimes the other.)
async function allowTwice(page) {
  const { action, fields } = await allow(page).evaluate((button) => ({
    // Its own `action` is a button of that name.
    action: new URL(button.form.getAttribute('action') ?? '', document.baseURI).href,
    fields: Object.fromEntries(new FormData(button.form, button)),
  }));
  const answer = await page.request.post(action, { form: fields, headers: { origin: base }, maxRedirects: 0 });
  check('the first of two submissions is taken', [302, 303].includes(answer.status()), answer.status());
  await allow(page).click();
}

const looks = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 640 } }],
  ['narrow-dark', { colorScheme: 'dark', viewport: { width: 320, height: 640 } }],
];

// A page in every look: readable without scrolling to the side.
async function show(name, url, open = async () => {}) {
  for (const [look, options] of looks) {
    const context = await fresh(options);
    const page = await context.newPage();
    await page.goto(url());
    await open(page);
    await page.screenshot({ path: join(screenshots, `${name}-${look}.png`), fullPage: true });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(`${name} fits (${look})`, wider <= 0, wider);
    await context.close();
  }
}

const tests = {
  async 'sign-in'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    check('the consent page comes first', page.url().startsWith(`${base}/consent?`), page.url());
    check('it names the client', await page.getByText('Weather Desk').first().isVisible());
    check('it names where it goes', (await page.locator('main, body').first().innerText()).includes(redirect));
    await allow(page).click();
    check('then comes the identity provider', page.url().startsWith(entra), page.url());
    await account(page, 'writer').click();
    await completes('sign-in', made, page);
  },
  async 'by keyboard'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    for (let presses = 0; presses < 10; presses += 1) {
      await page.keyboard.press('Tab');
      if (await allow(page).evaluate((button) => button === document.activeElement)) break;
    }
    await Promise.all([page.waitForURL(`${entra}/**`), page.keyboard.press('Enter')]);
    await account(page, 'reader').press('Enter');
    await completes('by keyboard', made, page);
  },
  async 'without scripts'() {
    const page = await (await fresh({ javaScriptEnabled: false })).newPage();
    const made = request();
    await page.goto(made.url);
    await allow(page).click();
    await account(page, 'writer').click();
    await completes('without scripts', made, page);
  },
  async 'refusal'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    await refuse(page).click();
    await page.waitForURL(`${redirect}?**`);
    const answer = new URL(page.url()).searchParams;
    check('a refusal is told to the client', answer.get('error') === 'access_denied', page.url());
    check('with its state', answer.get('state') === made.state, page.url());
    const again = request();
    await page.goto(again.url);
    await allow(page).click();
    await account(page, 'writer').click();
    await completes('after a refusal', again, page);
  },
  async 'cancelled at the identity provider'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    await allow(page).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForURL(`${redirect}?**`);
    const answer = new URL(page.url()).searchParams;
    check('going away is told to the client', answer.get('error') === 'access_denied', page.url());
    check('with its state and our name', answer.get('state') === made.state && answer.get('iss') === base, page.url());
    check('and without a code', !answer.has('code'), page.url());
    const again = request();
    await page.goto(again.url);
    await allow(page).click();
    await account(page, 'writer').click();
    await completes('after going away', again, page);
  },
  async 'back button'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    await allow(page).click();
    await account(page, 'writer').waitFor();
    await page.goBack();
    check('back leads to the consent page', page.url().startsWith(`${base}/consent?`), page.url());
    await allow(page).click();
    await account(page, 'writer').click();
    await completes('after going back', made, page);
    // From the client back into what is over: a page that can be read, and the
    // client can begin anew.
    await page.goBack();
    check('back from the client shows a page', (await page.locator('body').innerText()).length > 20, page.url());
    const again = request();
    await page.goto(again.url);
    await allow(page).click();
    await account(page, 'writer').click();
    await completes('once more after that', again, page);
  },
  async 'submitted twice'() {
    const page = await (await fresh()).newPage();
    const made = request();
    await page.goto(made.url);
    await allowTwice(page);
    await account(page, 'writer').click();
    await completes('submitted twice', made, page);
  },
  async 'two tabs'() {
    const context = await fresh();
    const [one, other] = [await context.newPage(), await context.newPage()];
    const [first, second] = [request(), request()];
    await one.goto(first.url);
    await other.goto(second.url);
    await allow(one).click();
    await allow(other).click();
    await account(other, 'reader').click();
    await completes('the second tab', second, other);
    await account(one, 'writer').click();
    await completes('the first tab', first, one);
  },
  async 'one request in two tabs'() {
    const context = await fresh();
    const [one, other] = [await context.newPage(), await context.newPage()];
    const made = request();
    await one.goto(made.url);
    await other.goto(one.url());
    await allow(one).click();
    await account(one, 'writer').click();
    await completes('the tab that was first', made, one);
    await allow(other).click();
    await account(other, 'writer').click();
    await other.getByText('Sign-in did not finish').waitFor();
    check('the other tab gets no second code, but a page that says so', other.url().startsWith(`${base}/auth/callback?`), other.url());
    check('that page sends people back to their application', await other.getByText('Go back to the application').isVisible());
    check('and not to a sign-in of another kind', (await other.locator('a[href="/auth/login"]').count()) === 0);
  },
  async pictures() {
    await show('consent', () => request().url);
    await show('unknown-client', () => request({ client_id: 'er-00000000000000000000000000000000' }).url);
    await show('unregistered-redirect', () => request({ redirect_uri: 'https://elsewhere.example/callback' }).url);
    await show('signed-in', () => `${base}/auth/login`, (page) => account(page, 'writer').click());
    await show('identity-provider', () => `${base}/auth/login`, (page) => account(page, 'writer').waitFor());
    await show('stale-callback', () => `${base}/auth/callback?code=x&state=y`);
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test().catch((error) => check(`${name} ends`, false, String(error?.stack ?? error)));
}
check('no script fails and nothing is blocked', faults.length === 0, faults);
check('no other origin is asked', strangers.size === 0, [...strangers]);
await browser.close();
listener.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
