// The pages of the API's documentation in a real browser: they show every
// operation, Swagger UI makes a call with a token, the policy holds, and
// nothing is loaded from elsewhere.
//
//   documentation.mjs BASE TOKEN SCREENSHOTS
//
// BASE is the server, TOKEN one that opens it, and SCREENSHOTS the folder for
// pictures. ENTRADA_TEST_CHROMIUM names the browser,
// ENTRADA_TEST_NODE_MODULES the folder of the packages.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [base, token, screenshots] = process.argv.slice(2);
const packages = createRequire(join(process.env.ENTRADA_TEST_NODE_MODULES, 'x.js'));
const { chromium } = packages('playwright-core');
let [passed, failed] = [0, 0];

function check(name, good, detail = '') {
  good ? (passed += 1) : (failed += 1);
  console.log(good ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)}`);
}

const paths = (await (await fetch(`${base}/api/openapi.json`)).json()).paths;
const operations = Object.values(paths).flatMap((item) => Object.values(item));

const browser = await chromium.launch({
  executablePath: process.env.ENTRADA_TEST_CHROMIUM,
  args: ['--no-sandbox'],
  timeout: 180_000,
});

// A page with what it asked for, what its policy kept from it, and errors.
async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  // The pages are megabytes of script.
  page.setDefaultTimeout(180_000);
  const seen = { answered: [], violations: [], errors: [] };
  page.on('response', (answer) => seen.answered.push(answer.url()));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  await page.exposeFunction('violated', (what) => seen.violations.push(what));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      window.violated(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  const answer = await page.goto(base + path, { waitUntil: 'networkidle' });
  return { page, answer, seen };
}

function checkSeen(name, { answer, seen }, allowedViolations = []) {
  const elsewhere = seen.answered.filter((url) => !url.startsWith(base) && !url.startsWith('data:'));
  check(`${name} loads nothing from elsewhere`, elsewhere.length === 0, elsewhere);
  check(`${name} runs without errors`, seen.errors.length === 0, seen.errors);
  const policy = answer.headers()['content-security-policy'];
  check(`${name} has a strict policy`, policy.startsWith("default-src 'none'; script-src 'self'; ") && !policy.includes('unsafe'), policy);
  const violations = seen.violations.filter((what) => !allowedViolations.some((allowed) => what.includes(allowed)));
  check(`${name} keeps to its policy`, violations.length === 0, violations);
}

{
  const opened = await open('/api/docs');
  const { page } = opened;
  await page.waitForSelector('.opblock');
  const shown = await page.locator('.opblock').count();
  check('Swagger UI shows every operation', shown === operations.length, shown);
  await page.screenshot({ path: join(screenshots, 'swagger-ui.png') });
  // With a token, somebody tries a call.
  await page.locator('.btn.authorize').first().click();
  await page.locator('.auth-container input').fill(token);
  await page.locator('.auth-btn-wrapper .authorize').click();
  await page.locator('.auth-btn-wrapper .btn-done').click();
  const me = page.locator('#operations-account-me');
  await me.locator('.opblock-summary').click();
  await me.locator('.try-out__btn').click();
  await me.locator('.execute').click();
  const status = await me.locator('.live-responses-table .response-col_status').nth(1).textContent();
  check('Swagger UI makes a call with a token', status.trim().startsWith('200'), status);
  await me.screenshot({ path: join(screenshots, 'swagger-ui-call.png') });
  checkSeen('Swagger UI', opened);
}
{
  const opened = await open('/api/redoc');
  const { page } = opened;
  await page.waitForSelector('[data-section-id]');
  const text = await page.locator('#redoc').innerText();
  const missing = operations.filter((operation) => !text.includes(operation.summary.split(',')[0]));
  check('Redoc shows every operation', missing.length === 0, missing.map((operation) => operation.summary));
  const menu = await page.locator('.menu-content').boundingBox();
  check('Redoc has its styles', menu && menu.width > 150 && menu.width < 500 && menu.x < 50, menu);
  await page.screenshot({ path: join(screenshots, 'redoc.png') });
  // The picture of its maker, which would be loaded from elsewhere.
  checkSeen('Redoc', opened, ['cdn.redoc.ly']);
}

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
