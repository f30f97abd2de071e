// @modelcontextprotocol/sdk 1.x, unmodified: see typescript_lifecycle.mjs.
import { load, run } from './typescript_lifecycle.mjs';

const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { UnauthorizedError } = await load('@modelcontextprotocol/sdk/client/auth.js');

await run({
  name: 'TypeScript SDK 1',
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  eras: [],
  options: () => ({}),
  finish: (transport, answer) => transport.finishAuth(answer.get('code')),
});
