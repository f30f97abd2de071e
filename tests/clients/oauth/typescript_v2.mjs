// @modelcontextprotocol/client 2.x, unmodified: see typescript_lifecycle.mjs.
import { load, run } from './typescript_lifecycle.mjs';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await load('@modelcontextprotocol/client');

await run({
  name: 'TypeScript SDK 2',
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  eras: ['legacy', 'auto'],
  options: (era) => ({ versionNegotiation: { mode: era } }),
  // This one checks the issuer of the answer itself (RFC 9207).
  finish: (transport, answer) => transport.finishAuth(answer),
});
