// Follows a test's orders with whatever MCP client is plugged in; README.md has the orders and reports.
//
// A client is an object with `version`, `revision`, `tools()` and `call(code, progress, signal)`. One that logs has
// `listen(heard)`, which asks for messages; it hands their parameters on. `progress` is undefined for a call that shall not
// ask for it.

import { createInterface } from 'node:readline';

export function report(seen) {
    process.stdout.write(`${JSON.stringify(seen)}\n`);
}

export async function obey(client) {
    report({ version: client.version, revision: client.revision ?? null });
    const cancels = new Map();
    for await (const line of createInterface({ input: process.stdin })) {
        const order = JSON.parse(line);
        if (order.do === 'list') {
            report({ tools: await client.tools() });
        } else if (order.do === 'call') {
            const cancel = new AbortController();
            cancels.set(order.call, cancel);
            watch(client, order.call, order.code, cancel.signal, order.quiet);
        } else if (order.do === 'listen') {
            await client.listen(({ data, level, logger }) => report({ log: data, level, logger }));
            report({ listens: true });
        } else if (order.do === 'cancel') {
            cancels.get(order.call).abort();
        } else {
            throw new Error(`there is no order ${line}`);
        }
    }
}

// What a block is, and the part of it that shows that it arrived whole.
function kind(block) {
    const detail = { image: block.data, resource_link: block.name, resource: block.resource?.text };
    return [block.type, detail[block.type] ?? null];
}

async function watch(client, call, code, signal, quiet) {
    const progress = ({ progress, message }) => report({ call, progress, message: message ?? null });
    try {
        const result = await client.call(code, quiet ? undefined : progress, signal);
        const texts = result.content.filter((block) => block.type === 'text').map((block) => block.text);
        const structured = result.structuredContent ?? null;
        const kinds = result.content.map(kind);
        report({ call, failed: Boolean(result.isError), text: texts.join('\n'), structured, kinds });
    } catch (error) {
        report(signal.aborted ? { call, cancelled: true } : { call, error: String(error) });
    }
}
