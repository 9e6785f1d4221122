// Lists and calls the tool with a TypeScript package.
//
//     node sdk.mjs PACKAGE stdio COMMAND...
//     node sdk.mjs PACKAGE http|sse URL
//
// Prints one line of JSON, as sdk.py does. `@modelcontextprotocol/client` is asked twice: once as
// it comes, and once to find out the newest era by itself.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [root, name, kind, ...target] = process.argv.slice(2);
const require = createRequire(`${root}/`);
const load = async (path) => import(pathToFileURL(require.resolve(path)).href);

const good = { code: "print('Schlange \u{1f40d}', 6 * 7)" };
const bad = { code: '1 / 0' };

async function packages() {
    if (name === '@modelcontextprotocol/sdk') {
        const parts = ['index', 'stdio', 'streamableHttp', 'sse'];
        const modules = await Promise.all(parts.map((part) => load(`${name}/client/${part}.js`)));
        return Object.assign({}, ...modules);
    }
    const main = await load(name);
    // Newer releases keep what needs a child process apart.
    const more = kind === 'stdio' && !main.StdioClientTransport ? await load(`${name}/stdio`) : {};
    return { ...main, ...more };
}

const told = (result) => ({
    failed: Boolean(result.isError),
    text: result.content.map((block) => block.text).join('\n'),
});

async function ask(modules, options) {
    const transport = {
        stdio: () => new modules.StdioClientTransport({
            command: target[0], args: target.slice(1), env: { ...process.env }, stderr: 'ignore',
        }),
        http: () => new modules.StreamableHTTPClientTransport(new URL(target[0])),
        sse: () => new modules.SSEClientTransport(new URL(target[0])),
    }[kind]();
    const client = new modules.Client({ name: 'tests', version: '1' }, options);
    await client.connect(transport);
    const listed = await client.listTools();
    const call = (args) => client.callTool({ name: 'execute-python', arguments: args });
    const answer = {
        revision: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? null,
        tools: listed.tools.map((tool) => tool.name),
        good: told(await call(good)),
        bad: told(await call(bad)),
    };
    await client.close();
    return answer;
}

const modules = await packages();
const answers = [await ask(modules, {})];
if (name === '@modelcontextprotocol/client' && kind !== 'sse') {
    answers.push(await ask(modules, { versionNegotiation: { mode: 'auto' } }));
}
console.log(JSON.stringify(answers));
process.exit(0);
