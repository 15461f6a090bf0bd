// What an editor shows: the YAML language server of VS Code's extension, asked over its own protocol.
//
// Reads a JSON list of tasks from standard input and prints a JSON list of results:
//     {"do": "problems", "file"}                  ->  [{"line", "message"}], lines from 1
//     {"do": "complete", "file", "line", "column"} ->  what is offered there, lines and columns from 1
const { spawn } = require("node:child_process");
const { readFileSync } = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const rpc = require("vscode-jsonrpc/node");

const server = spawn(process.execPath, [path.join(path.dirname(require.resolve("yaml-language-server/package.json")), "bin/yaml-language-server"), "--stdio"]);
const editor = rpc.createMessageConnection(new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
const settings = { yaml: { validate: true, completion: true, hover: true, schemaStore: { enable: false } } };
const waiting = new Map();
editor.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => waiting.get(uri)?.(diagnostics));
editor.onRequest("workspace/configuration", ({ items }) => items.map(({ section }) => (section === "yaml" ? settings.yaml : {})));
editor.onRequest("client/registerCapability", () => null);
editor.listen();

const open = new Map();
async function opened(file) {
  const uri = pathToFileURL(file).href;
  if (!open.has(uri)) {
    open.set(uri, new Promise((resolve) => waiting.set(uri, resolve)));
    const text = readFileSync(file, "utf8");
    editor.sendNotification("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: 1, text } });
  }
  return { uri, problems: await open.get(uri) };
}

const known = {
  problems: async ({ file }) =>
    (await opened(file)).problems.map(({ range, message }) => ({ line: range.start.line + 1, message })),
  complete: async ({ file, line, column }) => {
    const { uri } = await opened(file);
    const found = await editor.sendRequest("textDocument/completion", {
      textDocument: { uri },
      position: { line: line - 1, character: column - 1 },
    });
    return (found.items ?? found).map(({ label }) => label);
  },
};

(async () => {
  await editor.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { workspace: { configuration: true }, textDocument: { completion: {}, publishDiagnostics: {} } },
  });
  editor.sendNotification("initialized", {});
  editor.sendNotification("workspace/didChangeConfiguration", { settings });
  const results = [];
  for (const task of JSON.parse(readFileSync(0, "utf8"))) results.push(await known[task.do](task));
  process.stdout.write(JSON.stringify(results), () => {
    server.kill();
    process.exit(0);
  });
})();
