// MCP Inspector's command line: `node inspector.mjs ROOT legacy|auto stdio COMMAND... | http URL | sse URL`.
//
// ROOT is the directory in whose `node_modules` it lies. Each order is a process of its own, as it is for people who
// use it; there is nothing to cancel a call with, and no progress is shown.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { obey } from './orders.mjs';

const [root, era, kind, ...target] = process.argv.slice(2);
const home = `${root}/node_modules/@modelcontextprotocol/inspector`;
// It hands on no environment but what it is told to: the server needs to know its engine.
const needed = ['DOCKER_HOST', 'MCP_PYTHON_IMAGE', 'PATH', 'HOME'].filter((name) => process.env[name]);
const server = kind === 'stdio'
    ? [...target, ...needed.flatMap((name) => ['-e', `${name}=${process.env[name]}`])]
    : ['--transport', kind, '--server-url', target[0]];

// What the command prints, whatever it exits with: a failed program is a result for it, and an exit code of its own.
function run(...method) {
    const command = [`${home}/clients/launcher/build/index.js`, '--cli', ...server,
        '--protocol-era', era, '--format', 'json', '--quiet', '--method', ...method];
    // It keeps things in the home directory, and has no business in anybody's.
    const options = { maxBuffer: 16 * 1024 * 1024, env: { ...process.env, HOME: `${root}/home` } };
    return new Promise((resolve, reject) => {
        execFile(process.execPath, command, options, (error, stdout, stderr) => {
            try {
                resolve(JSON.parse(stdout).result);
            } catch {
                reject(new Error(`${error}: ${stderr}`));
            }
        });
    });
}

const opened = await run('initialize');
await obey({
    version: JSON.parse(readFileSync(`${home}/package.json`)).version,
    revision: opened.protocolVersion,
    tools: async () => (await run('tools/list')).tools.map((tool) => tool.name),
    call: (code) => run('tools/call', '--tool-name', 'execute-python', '--tool-args-json', JSON.stringify({ code })),
});
process.exit(0);
