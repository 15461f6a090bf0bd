// Tencent's own library for the callbacks of WeCom, for tests that compare nightdesk with it.
//
// Reads a JSON list of tasks from standard input and prints a JSON list of results:
//     {"do": "seal", "key", "text", "receiver"}                ->  what stands in Encrypt
//     {"do": "open", "key", "sealed"}                          ->  {"message", "id"}
//     {"do": "sign", "token", "timestamp", "nonce", "sealed"}  ->  the signature
const { decrypt, encrypt, getSignature } = require("@wecom/crypto");
const { readFileSync } = require("node:fs");

const known = {
  seal: (task) => encrypt(task.key, task.text, task.receiver),
  open: (task) => {
    const { message, id } = decrypt(task.key, task.sealed);
    return { message, id };
  },
  sign: (task) => getSignature(task.token, task.timestamp, task.nonce, task.sealed),
};
const tasks = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(tasks.map((task) => known[task.do](task))));
