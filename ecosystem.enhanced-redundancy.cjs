"use strict";

/*
 * The apps of the suite, for PM2. This file is two things at once:
 *
 * 1. a module that exports `apps`: ecosystem.enhanced-redundancy.config.cjs requires it, under a name that PM2 takes
 *    for a configuration;
 * 2. a starter: `pm2 start ecosystem.enhanced-redundancy.cjs` runs this file as an app, because PM2 does not take its
 *    name for a configuration. It then starts the configuration with the same PM2, and deletes itself from PM2's list.
 *
 *    pm2 start ecosystem.enhanced-redundancy.cjs
 *    pm2 start ecosystem.enhanced-redundancy.cjs -- --only enhanced-pm2-redundancy
 *    pm2 start ecosystem.enhanced-redundancy.config.cjs --only enhanced-pm2-redundancy
 */

const fs = require("node:fs");
const path = require("node:path");

const SUITE = __dirname;
const CONFIG = path.join(SUITE, "ecosystem.enhanced-redundancy.config.cjs");
const PYTHON = path.join(SUITE, ".venv", "bin", "python");
const START_SCRIPT = "automation/start-enhanced-redundancy.sh";

// One row per app. `defaults` are the variables of its settings, `reads` those without a default; one that `starts`
// the programs of the others is given theirs too. An app is offered when its script is there.
const TABLE = [
  {
    name: "enhanced-pm2-redundancy",
    script: "enhanced_pm2_redundancy.py",
    logs: "enhanced-pm2",
    defaults: { PM2_CHECK_INTERVAL: "30000", PM2_MAX_RESTARTS: "5", PM2_BACKUP_INTERVAL: "300000" },
    reads: [],
  },
  {
    name: "enhanced-github-actions-redundancy",
    script: "enhanced_github_actions_redundancy.py",
    logs: "enhanced-github",
    defaults: { GITHUB_CHECK_INTERVAL: "60000", GITHUB_MAX_FAILURES: "3", GITHUB_BACKUP_INTERVAL: "300000" },
    reads: ["GITHUB_TOKEN", "GITHUB_TOKEN_FILE", "GITHUB_REPOSITORY", "GITHUB_API_URL"],
  },
  {
    name: "enhanced-netlify-functions-redundancy",
    script: "enhanced_netlify_functions_redundancy.py",
    logs: "enhanced-netlify",
    defaults: { NETLIFY_CHECK_INTERVAL: "120000", NETLIFY_MAX_FAILURES: "3", NETLIFY_BACKUP_INTERVAL: "600000" },
    reads: ["NETLIFY_AUTH_TOKEN", "NETLIFY_AUTH_TOKEN_FILE", "NETLIFY_SITE_ID", "NETLIFY_API_URL"],
  },
  {
    name: "master-redundancy-orchestrator",
    script: "master_redundancy_orchestrator.py",
    logs: "master-orchestrator",
    defaults: {
      REDUNDANCY_CHECK_INTERVAL: "60000",
      REDUNDANCY_BACKUP_INTERVAL: "900000",
      REDUNDANCY_EMERGENCY_THRESHOLD: "0.5",
    },
    reads: [],
    starts: true,
  },
];

// PM2 writes what an app gets into its dump: these go to the one that cannot do without. A *_TOKEN_FILE goes further.
const TOKENS = ["GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN"];

// What any program may know of the shell that starts it (safety S19); REDUNDANCY_* come on top.
const WAY_OUT = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
  "REQUESTS_CA_BUNDLE"];
const PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", ...WAY_OUT];
// Where PM2 keeps its files and sockets, and how its daemon runs: the guard looks there, and starts a daemon as it was.
const OF_PM2 = ["PM2_HOME", "PM2_DAEMON_RPC_PORT", "PM2_DAEMON_PUB_PORT", "PM2_PID_FILE_PATH", "PM2_DUMP_FILE_PATH",
  "PM2_DUMP_BACKUP_FILE_PATH", "PM2_MODULE_CONF_FILE", "PM2_LOG_FILE_PATH", "PM2_DEFAULT_LOG_PATH",
  "PM2_DEFAULT_PID_PATH", "PM2_NODE_OPTIONS", "PM2_KILL_SIGNAL", "PM2_KILL_TIMEOUT", "PM2_WORKER_INTERVAL",
  "PM2_CONCURRENT_ACTIONS", "PM2_DAEMON_TITLE"];
// Written here and nowhere else: one that a shell has inherited would be a lie.
const STAMPED = ["REDUNDANCY_STARTED_AT", "REDUNDANCY_DEFAULTS", "REDUNDANCY_KEEP_SHUTDOWN"];

const offered = TABLE.filter((row) => fs.existsSync(path.join(SUITE, "automation", row.script)));

function kept(names) {
  const set = names.filter((name) => process.env[name]);
  return Object.fromEntries(set.map((name) => [name, process.env[name]]));
}

function settingsOfOthers(row) {
  const names = TABLE.flatMap((other) => [...Object.keys(other.defaults), ...other.reads]);
  return row.starts ? names.filter((name) => !TOKENS.includes(name)) : [];
}

function settingsOfAll() {
  const defaults = TABLE.flatMap((row) => Object.keys(row.defaults));
  const common = (name) => name.startsWith("REDUNDANCY_") && ![...STAMPED, ...defaults].includes(name);
  return Object.keys(process.env).filter(common);
}

/*
 * Everything that an app gets. PM2 would add the whole shell, tokens of other programs included, and write it into
 * its dump: `filter_env` below keeps that out.
 *
 * REDUNDANCY_STARTED_AT is newer than a recorded shutdown and so ends it; who must not end one (`--ensure`) leaves
 * the stamp out. REDUNDANCY_DEFAULTS names what nobody has set, so that a settings file is still heard.
 */
function environment(row) {
  const own = { ...row.defaults, ...kept(Object.keys(row.defaults)) };
  const untouched = Object.keys(row.defaults).filter((name) => own[name] === row.defaults[name] && !process.env[name]);
  const stamp = process.env.REDUNDANCY_KEEP_SHUTDOWN ? {} : { REDUNDANCY_STARTED_AT: new Date().toISOString() };
  return {
    ...kept([...PASSED_ON, ...OF_PM2, ...settingsOfAll(), ...row.reads, ...settingsOfOthers(row)]),
    ...own,
    ...stamp,
    REDUNDANCY_DEFAULTS: untouched.map((name) => `${name}=${own[name]}`).join(" "),
    PYTHONUNBUFFERED: "1",
    PYTHONUTF8: "1", // the same file names in every locale
  };
}

/* PM2 takes a script with a space in it for a shell command: such a folder is named by its place in `cwd`. */
function withoutSpaces(file, cwd) {
  return file.includes(" ") ? path.relative(cwd, file) : file;
}

function app(row) {
  const workspace = path.resolve(SUITE, process.env.REDUNDANCY_WORKSPACE || ".");
  const logs = path.resolve(workspace, process.env.REDUNDANCY_LOGS_DIR || "logs");
  return {
    name: row.name,
    script: withoutSpaces(path.join(SUITE, "automation", row.script), workspace),
    args: ["start"],
    interpreter: PYTHON,
    cwd: workspace,
    out_file: path.join(logs, `${row.logs}-out.log`),
    error_file: path.join(logs, `${row.logs}-error.log`),
    merge_logs: true, // and no date: each line is one JSON object
    autorestart: true,
    stop_exit_codes: [3], // wrong settings do not get better by trying again
    kill_timeout: 20000, // ms; a step is ended cleanly
    exp_backoff_restart_delay: 1000, // ms
    filter_env: [""], // every name contains it: nothing of the shell but what `env` says
    env: environment(row),
  };
}

/* The starter. */

function isRunByPm2() {
  const { pm_id: id, pm_exec_path: runs } = process.env;
  const real = (file) => (fs.existsSync(file) ? fs.realpathSync(file) : file);
  const inContainer = /^ProcessContainer\w*\.js$/.test(path.basename(process.argv[1] || ""));
  return Boolean(id && runs) && real(runs) === __filename && (require.main === module || inContainer);
}

/* The bin/pm2 of the PM2 whose container file runs us: another one on PATH may be of another version. */
function pm2OfThisProcess() {
  const loaded = [process.argv[1] || "", ...Object.keys(require.cache)];
  const container = loaded.find((file) => /[\\/]lib[\\/]ProcessContainer\w*\.js$/.test(file));
  const program = container && path.resolve(path.dirname(container), "..", "bin", "pm2");
  if (!program || !fs.existsSync(program)) throw new Error("cannot find the PM2 that runs this file");
  return program;
}

function chosenNames(argv) {
  const known = offered.map((row) => row.name);
  const words = argv.flatMap((word) => (word.startsWith("--only=") ? ["--only", word.slice(7)] : [word]));
  if (words.length === 0) return known;
  if (words.length !== 2 || words[0] !== "--only") {
    throw new Error(`expected --only NAME[,NAME] after --, got: ${argv.join(" ").slice(0, 200)}`);
  }
  const names = words[1].split(",").filter(Boolean);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0 || names.length === 0) {
    throw new Error(`no app is named ${JSON.stringify(unknown.join(",").slice(0, 200))}; known: ${known.join(", ")}`);
  }
  return names;
}

function runPm2(...argv) {
  const settings = offered.flatMap((row) => [...Object.keys(row.defaults), ...row.reads]);
  const options = {
    env: kept([...PASSED_ON, ...OF_PM2, ...settingsOfAll(), ...settings]),
    timeout: 60000, // ms
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve, reject) => {
    require("node:child_process").execFile(process.execPath, [pm2OfThisProcess(), ...argv], options, (error, out, err) => {
      if (!error) return resolve(out);
      const said = `${err}\n${out}`.trim().split("\n").find((line) => /error/i.test(line)) || error.message;
      return reject(new Error(`pm2 ${argv[0]}: ${said.slice(0, 300)}`));
    });
  });
}

/* One call over PM2's own socket: two length-prefixed texts there, two back. Unlike the CLI it leaves no child. */
function call(method, argument) {
  const request = [`j:${JSON.stringify({ type: "call", method, args: [argument] })}`, "s:starter:0"].map(Buffer.from);
  const frame = Buffer.concat([Buffer.of(0x12), ...request.flatMap((part) => [Buffer.alloc(4), part])]);
  frame.writeUInt32BE(request[0].length, 1);
  frame.writeUInt32BE(request[1].length, 5 + request[0].length);
  const address = process.env.PM2_DAEMON_RPC_PORT || path.join(process.env.PM2_HOME || "", "rpc.sock");
  return new Promise((resolve, reject) => {
    const socket = require("node:net").connect(address, () => socket.write(frame));
    const fail = (why) => socket.destroy() && reject(new Error(`PM2's daemon, ${method}: ${why}`));
    let answer = Buffer.alloc(0);
    socket.setTimeout(30000, () => fail("no answer within 30 s"));
    socket.on("error", (error) => fail(error.message)).on("close", () => fail("no whole answer"));
    socket.on("data", (data) => {
      answer = Buffer.concat([answer, data]);
      if (answer.length > 64 * 1024 * 1024) return fail("the answer is too large");
      if (answer.length < 5 || answer.length < 5 + answer.readUInt32BE(1)) return undefined;
      const said = JSON.parse(answer.subarray(7, 5 + answer.readUInt32BE(1)).toString());
      if (said.error) return fail(said.error);
      resolve(said.args[0]);
      return socket.destroy();
    });
  });
}

/* Safety S18: names that somebody else's programs hold are not taken over. */
async function refuseHeldNames(names) {
  for (const entry of await call("getMonitorData", {})) {
    const runs = entry.pm2_env.pm_exec_path || "";
    if (names.includes(entry.name) && path.dirname(runs) !== path.join(SUITE, "automation")) {
      const way = fs.existsSync(runs)
        ? `if it is no longer needed: pm2 delete ${entry.name}`
        : `after a move, run ${START_SCRIPT}, which follows the folder`;
      throw new Error(`${entry.name} is held by ${runs}; nothing was started; ${way}`);
    }
  }
}

async function startApps() {
  const names = chosenNames(process.argv.slice(2));
  if (!fs.existsSync(PYTHON)) throw new Error(`${PYTHON} is missing; run ${START_SCRIPT} once`);
  await refuseHeldNames(names);
  if (names.length > 0) await runPm2("start", CONFIG, "--only", names.join(","));
  console.log(`started ${names.join(", ") || "nothing: no app is there"}`);
}

/*
 * Ends this process: PM2 ends what it deletes. Leaving by ourselves would make PM2 run this file again, unless it does
 * not know us (any more): then nobody else would end us.
 */
async function deleteMyself() {
  const mine = (entry) => entry.pid === process.pid;
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    try {
      if (!(await call("getMonitorData", {})).some(mine)) process.exit(0);
      await call("deleteProcessId", Number(process.env.pm_id));
    } catch (error) {
      console.error(error.message);
    }
  }
  console.error(`cannot delete this starter; it stays idle; by hand: pm2 delete ${process.env.pm_id}`);
  setInterval(() => undefined, 2 ** 30);
}

module.exports = { apps: offered.map(app) };

if (isRunByPm2()) {
  startApps()
    .catch((error) => console.error(`ecosystem.enhanced-redundancy.cjs: ${error.message}`))
    .then(deleteMyself);
} else if (require.main === module) {
  console.error(`this file is for PM2: pm2 start ${path.basename(__filename)}, or run ${START_SCRIPT}`);
  process.exitCode = 3;
}
