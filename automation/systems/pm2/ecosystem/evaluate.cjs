"use strict";

/*
 * Evaluates one ecosystem file as `pm2 start` would, and prints what came of it as one line of JSON.
 *
 *    node evaluate.cjs PM2_FOLDER FILE LIMIT_MS
 *
 * PM2's own functions parse the file and fill in what it leaves out, so that nothing is guessed. Where they are not
 * what we know, `apps` have no `entry`. Nothing is started, written or asked of a daemon.
 */

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const { Worker } = require("node:worker_threads");

const [, , pm2Folder, file, limit] = process.argv;

// An endless loop in the file stops every timer of this thread, but not of another one.
const watchdog = `setTimeout(() => process.kill(process.pid, "SIGKILL"), ${Number(limit)})`;
new Worker(watchdog, { eval: true }).unref();

process.stdout.write = () => true; // what the file or PM2 print is nobody's business
process.stderr.write = () => true;

function finish(result) {
  fs.writeSync(1, `\n${JSON.stringify(result)}\n`);
  process.exit(0);
}

function loadPm2() {
  try {
    const common = require(path.join(pm2Folder, "lib", "Common.js"));
    const needed = ["parseConfig", "verifyConfs", "resolveAppAttributes", "mergeEnvironmentVariables"];
    return needed.every((name) => typeof common[name] === "function") ? common : null;
  } catch {
    return null;
  }
}

/*
 * The names of variables that the file asks its shell for and that the evaluation does not have as the shell had them;
 * `*` where it takes all there are. What comes of such a file depends on who starts it.
 */
const NEVER_THE_SAME = ["PATH", "PWD"];
function noting(asked) {
  const note = (target, name) => {
    if (typeof name === "string" && (!(name in target) || NEVER_THE_SAME.includes(name))) asked.add(name);
  };
  return new Proxy(process.env, {
    get: (target, name) => (note(target, name), target[name]),
    has: (target, name) => (note(target, name), name in target),
    ownKeys: (target) => (asked.add("*"), Reflect.ownKeys(target)),
  });
}

function parse(common) {
  const text = fs.readFileSync(file);
  if (common) return common.parseConfig(text, file);
  if (/\.ya?ml/.test(path.basename(file))) finish({ unknown: "only PM2 can read YAML here, and it is not known" });
  if (path.basename(file).includes(".json")) return vm.runInThisContext(`(${text})`);
  return require(path.resolve(file));
}

function place(error) {
  if (error && error.mark && Number.isInteger(error.mark.line)) return error.mark.line + 1;
  const names = [file, fs.realpathSync(file), "evalmachine.<anonymous>"];
  const stack = String((error && error.stack) || "");
  for (const name of names) {
    const at = stack.indexOf(`${name}:`);
    const line = at < 0 ? 0 : parseInt(stack.slice(at + name.length + 1), 10);
    if (line > 0) return line;
  }
  return 0;
}

function damaged(error) {
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  finish({ damaged: said.split("\n")[0].slice(0, 300), line: place(error) });
}

/* PM2 makes the folder of a log file while it resolves an app; a mere look must not. */
function withoutMaking(act) {
  const { mkdirSync } = fs;
  fs.mkdirSync = () => undefined;
  try {
    return act();
  } finally {
    fs.mkdirSync = mkdirSync;
  }
}

/* What `pm2 start FILE --only NAME [--env NAME]` sends to its daemon. */
function entryOf(common, app, environment, deploy) {
  const copy = JSON.parse(JSON.stringify(app));
  const entry = withoutMaking(() => common.resolveAppAttributes({ cwd: process.cwd(), pm2_home: process.env.PM2_HOME }, copy));
  entry.env = { ...entry.env, PM2_HOME: process.env.PM2_HOME };
  entry.env = common.mergeEnvironmentVariables(entry, environment, deploy);
  delete entry.env.current_conf;
  return entry;
}

function described(common, app, deploy) {
  const blocks = Object.keys(app).filter((key) => key.startsWith("env_") && typeof app[key] === "object");
  const env = app.env && typeof app.env === "object" ? app.env : {};
  const said = { name: String(app.name), env: { ...env }, names: Object.keys(env), blocks: {} };
  said.instances = Number.isInteger(app.instances) ? app.instances : null;
  said.interpreter = Boolean(app.exec_interpreter || app.interpreter);
  try {
    for (const key of blocks) said.blocks[key.slice(4)] = { ...app[key] };
    if (!common) return said;
    said.entries = { "": entryOf(common, app, undefined, deploy) };
    for (const key of blocks) said.entries[key.slice(4)] = entryOf(common, app, key.slice(4), deploy);
  } catch (error) {
    delete said.entries;
    said.error = String((error && error.message) || error).split("\n")[0].slice(0, 300);
  }
  return said;
}

function main() {
  const common = loadPm2();
  const asked = new Set();
  const shell = process.env;
  let config;
  try {
    process.env = noting(asked);
    config = parse(common);
  } catch (error) {
    damaged(error);
  } finally {
    process.env = shell;
  }
  if (config === null || typeof config !== "object") finish({ damaged: "it exports no object with `apps`", line: 0 });
  const apps = [].concat(config.apps || config.pm2 || config);
  if (apps.some((app) => app === null || typeof app !== "object")) finish({ damaged: "`apps` holds what is no app", line: 0 });
  if (!config.apps && !config.pm2 && !apps.every((app) => app.script || app.cmd || app.command || app.exec)) {
    finish({ damaged: "it has no `apps`", line: 0 });
  }
  let verified = apps;
  if (common) {
    try {
      verified = common.verifyConfs(apps);
    } catch (error) {
      damaged(error);
    }
    if (verified instanceof Error) finish({ damaged: `PM2 refuses it: ${verified.message}`.slice(0, 300), line: 0 });
  }
  finish({ apps: verified.map((app) => described(common, app, config.deploy || {})), asked: [...asked].sort() });
}

main();
