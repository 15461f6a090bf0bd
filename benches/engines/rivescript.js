// One message against all rules with RiveScript: prints one row of the table, as benches/measure/mod.rs does.
//
// rivescript.js RULES SCRIPT MESSAGES MATCHED COUNT
//
// Its triggers are the nearest that it can say, so the note tells how often its one answer is among the rules that hold.
"use strict";
const fs = require("fs");
const RiveScript = require("rivescript");

const [rules, script, messagesFile, matchedFile, count] = process.argv.slice(2);
const lines = (file) => fs.readFileSync(file, "utf8").split("\n").slice(0, -1);
const messages = lines(messagesFile).slice(0, Number(count));
const matched = lines(matchedFile).map((line) => new Set(line.split(" ")));
const busy = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const resident = () => Math.round(process.memoryUsage().rss / 1024);

async function main() {
  const memory = resident();
  let start = busy();
  const bot = new RiveScript({ utf8: true });
  bot.stream(fs.readFileSync(script, "utf8"));
  bot.sortReplies();
  const load = busy() - start;
  const loaded = resident() - memory;
  const times = [];
  let first = 0;
  let right = 0;
  let due = 0;
  for (let index = 0; index < messages.length; index++) {
    start = busy();
    const reply = await bot.reply("customer", messages[index]);
    const time = busy() - start;
    if (index === 0) first = time;
    times.push(time);
    if (matched[index].has("")) continue;
    due += 1;
    right += matched[index].has(reply) ? 1 : 0;
  }
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor((times.length * share) / 100))].toFixed(3);
  const note = `approx.: finds a rule that holds for ${right} of ${due} messages`;
  const figures = [load.toFixed(0), loaded, resident() - memory, messages.length, first.toFixed(3), mean.toFixed(3)];
  console.log(["RiveScript", rules, ...figures, at(50), at(99), "", note].join("\t"));
}

main();
