// The official TypeScript packages: `node sdk.mjs ROOT PACKAGE default|auto stdio COMMAND... | http URL | sse URL`.
//
// ROOT is the directory in whose `node_modules` the package lies. `auto` lets the newer package find out by itself
// whether the server speaks the newest era.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

import { obey } from './orders.mjs';

const [root, name, negotiation, kind, ...target] = process.argv.slice(2);
const require = createRequire(`${root}/`);
const load = async (path) => import(pathToFileURL(require.resolve(path)).href);
const isNew = name === '@modelcontextprotocol/client';

async function packages() {
    if (!isNew) {
        const parts = ['index', 'stdio', 'streamableHttp', 'sse'];
        const modules = await Promise.all(parts.map((part) => load(`${name}/client/${part}.js`)));
        return Object.assign({}, ...modules);
    }
    const main = await load(name);
    // It keeps what needs a child process apart.
    const more = kind === 'stdio' && !main.StdioClientTransport ? await load(`${name}/stdio`) : {};
    return { ...main, ...more };
}

const modules = await packages();
const transport = {
    stdio: () => new modules.StdioClientTransport({
        command: target[0], args: target.slice(1), env: { ...process.env }, stderr: 'inherit',
    }),
    http: () => new modules.StreamableHTTPClientTransport(new URL(target[0])),
    sse: () => new modules.SSEClientTransport(new URL(target[0])),
}[kind]();

// The first era's transports are told by their client which revision was agreed upon: that is where it can be read.
let told;
if (!isNew) {
    const tell = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = (revision) => {
        told = revision;
        tell?.(revision);
    };
}

const options = negotiation === 'auto' ? { versionNegotiation: { mode: 'auto' } } : {};
const client = new modules.Client({ name: 'tests', version: '1' }, options);
await client.connect(transport);
await obey({
    listen: async (heard) => {
        // The older package knows notifications by their schemas, which lie beside it.
        const what = isNew ? 'notifications/message' : (await load(`${name}/types.js`)).LoggingMessageNotificationSchema;
        client.setNotificationHandler(what, ({ params }) => heard(params));
        await client.setLoggingLevel('info');
    },
    version: JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`)).version,
    revision: isNew ? client.getNegotiatedProtocolVersion() : told,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: (code, onprogress, signal) => {
        const params = { name: 'execute-python', arguments: { code } };
        // The older package takes a schema for the result in between.
        return client.callTool(params, ...(isNew ? [] : [undefined]), { onprogress, signal });
    },
});
await client.close();
process.exit(0);
