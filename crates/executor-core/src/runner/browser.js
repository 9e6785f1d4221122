// What Playwright's driver does before its program comes: it launches the browser that a plain `chromium.launch()`
// launches, by Playwright's own code, goes through a page with it, and gives it to the first launch whose command,
// arguments and environment turn out to be the same. Every other launch is a real one.
//
// Runs in the driver's process ahead of its entry: `node -e <this> cli.js run-driver`, with two pipes more: on the first
// comes what a program's environment has otherwise than ours, on the second goes what has become of the preparation.
'use strict';

const [CLAIM, READY] = [3, 4];
const PROFILE = /^--user-data-dir=.*\/playwright_chromiumdev_profile-[^/]*$/;
const PAGE = 'data:text/html,<title>ready</title><p>ready';
// Of no meaning to a browser. `browser.py` has the same names.
const INDIFFERENT = ['BROWSER_PATH', 'MPLBACKEND', 'PATH', 'PYTHONPATH'];

process.execArgv.length = 0; // As where the driver is started by its program.
const children = require('child_process');
const fs = require('fs');
const path = require('path');
const [, entry] = process.argv;
const home = path.dirname(entry);

const spawn = children.spawn;
let rehearsing = true;
let prepared = null; // and nobody's

children.spawn = function (command, argv, options) {
  if (!Array.isArray(argv) || !argv.some((word) => word.startsWith('--user-data-dir='))) {
    return spawn.apply(this, arguments);
  }
  if (rehearsing) {
    const child = spawn.apply(this, arguments);
    prepared = { child, asked: asked(command, argv, options), environment: settled(options.env) };
    return child;
  }
  const found = prepared;
  prepared = null;
  if (found && isAlive(found.child)) {
    if (found.asked === asked(command, argv, options) && found.environment === settled(options.env)) {
      return handedOver(found.child);
    }
    end(found.child); // Whoever launches one kind of browser rarely launches another.
  }
  return spawn.apply(this, arguments);
};

/** All that a launch asks for but its environment, and its empty profile's name. */
function asked(command, argv, options) {
  const words = argv.map((word) => (PROFILE.test(word) ? 'a profile of its own' : word));
  return JSON.stringify([command, words, { ...options, env: null }]);
}

function settled(environment) {
  const named = Object.entries(environment ?? process.env).filter(([name]) => !INDIFFERENT.includes(name));
  return JSON.stringify(named.sort());
}

/** What the program's environment has otherwise, which was written before anything that the driver is asked. */
function takeEnvironment() {
  const { set, unset } = JSON.parse(fs.readFileSync(CLAIM, 'utf8'));
  fs.closeSync(CLAIM);
  Object.assign(process.env, set);
  for (const name of unset) delete process.env[name];
}

function isAlive(child) {
  if (child.exitCode !== null || child.signalCode !== null) return false;
  try {
    const state = fs.readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1];
    return state[0] !== 'Z' && state[0] !== 'X';
  } catch {
    return false;
  }
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Lets go of what the browser says; whoever listens next hears it from then on. */
function letGo(child) {
  const said = child.stdio[4];
  said.pause();
  said.removeAllListeners('data');
}

function handedOver(child) {
  const said = child.stdio[4];
  said.on('newListener', function listens(event) {
    if (event !== 'data') return;
    said.off('newListener', listens);
    process.nextTick(() => said.resume());
  });
  return child;
}

/** What a browser needs of its system is looked at in each launch; nothing changes that in one sandbox. */
function lookOnce() {
  const { registry } = require(path.join(home, 'lib', 'server', 'registry', 'index.js'));
  const look = registry?._validateHostRequirementsForExecutableIfNeeded;
  if (typeof look !== 'function') return;
  const sound = new Set();
  registry._validateHostRequirementsForExecutableIfNeeded = async function (executable, ...others) {
    if (sound.has(executable)) return;
    await look.call(this, executable, ...others);
    sound.add(executable);
  };
}

async function prepare() {
  lookOnce();
  const { chromium } = require(home);
  const browser = await chromium.launch();
  const page = await browser.newPage();
  await page.goto(PAGE);
  await page.title();
  await page.close();
  letGo(prepared.child);
}

function tell(what) {
  fs.writeSync(READY, JSON.stringify(what) + '\n');
  fs.closeSync(READY);
}

require(entry);

let asksSomething = false;
process.stdin.prependOnceListener('data', () => {
  asksSomething = true;
  takeEnvironment();
});
process.stdin.on('end', () => {
  if (prepared) end(prepared.child);
  prepared = null;
  // Nobody wanted it: nothing is to be finished or tidied.
  if (!asksSomething) process.kill(process.pid, 'SIGKILL');
});

prepare().then(
  () => {
    rehearsing = false;
    tell({ driver: process.pid, browser: prepared.child.pid });
  },
  (error) => {
    rehearsing = false;
    if (prepared) end(prepared.child);
    prepared = null;
    tell({ driver: process.pid, failed: String(error).slice(0, 300) });
  },
);
