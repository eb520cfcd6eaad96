// What a program on the official TypeScript SDK, 1.x or 2.x, sees of the server. Its only argument is the folder the SDK lies in.
// Reads one JSON task a line from stdin (see tests/mcp/test_sdks.py) and writes one line of what it saw.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const place = process.argv[2];
const old = existsSync(join(place, "sdk"));
const load = (...path) => import(pathToFileURL(join(place, ...path)).href);
const esm = (...path) => load("sdk", "dist", "esm", ...path);
const { Client } = old ? await esm("client", "index.js") : await load("client", "dist", "index.mjs");
const { StreamableHTTPClientTransport } = old ? await esm("client", "streamableHttp.js") : await load("client", "dist", "index.mjs");
const { StdioClientTransport } = old ? await esm("client", "stdio.js") : await load("client", "dist", "stdio.mjs");

function transportOf(task) {
  const transport = task.url
    ? new StreamableHTTPClientTransport(new URL(task.url))
    : new StdioClientTransport({ command: task.command[0], args: task.command.slice(1), env: task.env, cwd: task.cwd });
  // The SDK offers its newest version of the handshake; here it offers the one the task names.
  const send = transport.send.bind(transport);
  transport.send = (message, ...rest) =>
    send(message.method === "initialize" ? { ...message, params: { ...message.params, protocolVersion: task.version } } : message, ...rest);
  return transport;
}

async function cancelled(client, task) {
  const told = [];
  const control = new AbortController();
  const onprogress = ({ progress, message }) => {
    told.push([progress, message ?? null]);
    control.abort();
  };
  const [name, given] = task.slow;
  const options = { onprogress, signal: control.signal };
  try {
    await (old ? client.callTool({ name, arguments: given }, undefined, options) : client.callTool({ name, arguments: given }, options));
    return null;
  } catch (error) {
    if (!control.signal.aborted) throw error;
    return told;
  }
}

async function visit(task) {
  const modern = task.version >= "2026";
  const about = { name: "node", version: "1" };
  const client = new Client(about, modern ? { versionNegotiation: { mode: { pin: task.version } } } : {});
  const transport = transportOf(task);
  let spoken = "";
  transport.setProtocolVersion = ((set) => (version) => { spoken = version; set?.call(transport, version); })(transport.setProtocolVersion);
  await client.connect(transport);
  const seen = { version: client.getNegotiatedProtocolVersion?.() ?? (spoken || task.version), calls: {} };
  seen.tools = (await client.listTools()).tools;
  let name = "";
  for (const [label, tool, args] of task.calls) {
    const given = Object.fromEntries(Object.entries(args).map(([key, value]) => [key, value === "$SESSION" ? name : value]));
    const result = await client.callTool({ name: tool, arguments: given });
    seen.calls[label] = result;
    if (tool === "start_image_session") name = result.content[0].text.split("/")[0];
  }
  seen.told = await cancelled(client, task);
  const { uri } = (await client.listResources()).resources.find((row) => row.uri.startsWith("nbimg://pictures/"));
  const [content] = (await client.readResource({ uri })).contents;
  seen.resource = [content.mimeType, Buffer.from(content.blob, "base64").subarray(0, 4).toString("hex")];
  while (!existsSync(task.left)) await new Promise((later) => setTimeout(later, 50));
  seen.prompts = (await client.listPrompts()).prompts.map((row) => row.name);
  await client.close();
  return seen;
}

for await (const line of createInterface({ input: process.stdin })) {
  const seen = JSON.stringify(await visit(JSON.parse(line)));
  await new Promise((written) => process.stdout.write(seen + "\n", written));
}
process.exit(0);
