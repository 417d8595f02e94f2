// Starts and talks to Microsoft 365 Agents Playground, Microsoft's emulator of a Teams client, for tests and screenshots.
// It is an emulator and not Teams: it shows no command menu, ignores the app manifest, opens no dialogs and cannot delete.
//
//   CHROMIUM  the browser's binary; default: the first one found of the usual names
//
// Nothing here signs or checks tokens: the bot brings its own proxy, whose addresses are handed in as endpoint and
// serviceUrl.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { until } from './wait.mjs';

export { openClient } from './client.mjs';

/** Activities that the emulator can make up by itself, for mockActivity. */
export const TEMPLATES = [
  'install', 'uninstall', 'userAdded', 'userRemoved', 'botAdded', 'botRemoved', 'channelCreated', 'channelRenamed',
  'channelDeleted', 'teamRenamed', 'teamDeleted',
];

/** A configuration with ids of the shape that Teams uses. The schema wants exactly five users and at most one channel. */
export function defaultConfig(change = {}) {
  const user = (name, i) => {
    const [givenName, surname] = name.split(' ');
    const email = `${givenName.toLowerCase()}@example.com`;
    return {
      id: `29:user-${i}`, name, userPrincipleName: email, // spelled so in the schema
      aadObjectId: `00000000-0000-4000-8000-00000000002${i}`, givenName, surname, email,
    };
  };
  const [currentUser, ...users] = [
    'Ani Wijaya', 'Budi Santoso', 'Citra Lestari', 'Dewi Anggraini', 'Eko Prasetyo', 'Fitri Handayani',
  ].map(user);
  return {
    version: '0.1.1',
    tenantId: '00000000-0000-4000-8000-000000000001',
    bot: { id: '28:00000000-0000-4000-8000-000000000011', name: 'imbot' },
    currentUser,
    users,
    personalChat: { id: 'a:personal-chat' },
    groupChat: { id: '19:groupchat@thread.v2', name: 'Group Chat' },
    team: {
      id: '19:team@thread.tacv2', name: 'Payments', aadGroupId: '00000000-0000-4000-8000-000000000031',
      channels: [{ id: '19:incidents@thread.tacv2', name: 'Incidents' }],
    },
    ...change,
  };
}

/**
 * Starts the emulator, and resolves when it answers.
 *   endpoint    the bot's address for activities
 *   serviceUrl  what activities name as the place to answer to; default: the emulator's own connector
 *   port        default 0: any free one; another one that is busy is an error
 *   config      what defaultConfig returns, or the path of a YAML file; default: the emulator's built-in one
 *   env         more environment for it
 *   timeout     milliseconds
 * Returns what attachPlayground returns, and { pid, logFile, stop }.
 */
export async function startPlayground({ endpoint, serviceUrl, port = 0, config, env = {}, timeout = 20000 }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'playground-'));
  const logFile = path.join(dir, 'playground.log');
  const configFile = typeof config === 'string' ? path.resolve(config) : path.join(dir, '.m365agentsplayground.yml');
  if (config && typeof config === 'object') fs.writeFileSync(configFile, JSON.stringify(config)); // JSON is YAML
  const home = path.dirname(createRequire(import.meta.url).resolve('@microsoft/m365agentsplayground/package.json'));
  const args = [path.join(home, 'cli.js'), 'start', '-e', endpoint, '-c', 'msteams', '-p', String(port), '--disable-telemetry'];
  if (serviceUrl) args.push('--service-url', serviceUrl);
  const child = spawn(process.execPath, args, {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TEAMSAPPTESTER_BROWSER: 'none', // it would open one
      M365_AGENTS_PLAYGROUND_LOGFILE: logFile,
      M365_AGENTS_PLAYGROUND_CONFIG_PATH: configFile,
      ...env,
    },
  });
  let output = '';
  let ended = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  child.on('error', (err) => { ended = String(err); });
  child.on('exit', (code, signal) => { ended = `exit ${signal || code}`; });
  const stop = async () => {
    await endProcess(child);
    fs.rmSync(dir, { recursive: true, force: true });
  };
  const running = () => {
    if (!ended) return;
    const log = fs.existsSync(logFile) ? fs.readFileSync(logFile, 'utf8').slice(-2000) : '';
    throw new Error(`the playground ended: ${ended}\n${output}\n${log}`);
  };
  try {
    // A busy port is silently replaced by a random one, so what it prints is the only truth.
    const taken = await until(() => { running(); return /Listening on (\d+)/.exec(output)?.[1]; }, timeout, 'the playground to listen');
    if (port && Number(taken) !== port) throw new Error(`port ${port} is busy: the playground took ${taken}`);
    const playground = await attachPlayground(`http://127.0.0.1:${taken}`, { timeout, running });
    return { ...playground, pid: child.pid, logFile, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

/**
 * Connects to an emulator that somebody else has started, such as a bot's demo; its stop does nothing then.
 * Returns { url, port, config, connector, mockActivity, stop }; config is the one in use, connector the address that
 * takes the bot's messages.
 */
export async function attachPlayground(url, { timeout = 20000, running = () => {} } = {}) {
  await until(async () => {
    running();
    return fetch(`${url}/_debug/ping`).then((answer) => answer.ok, () => false);
  }, timeout, `the playground at ${url} to answer`);
  const { config } = await (await fetch(`${url}/_internal/v1/testConfig`)).json();

  /**
   * Sends the bot any activity, as the page's menu "Mock an Activity" does: one of TEMPLATES (undefined: a bare one) in the
   * conversation `where`, after change(activity) had its way with it. Returns the activity; the bot's answer is not told.
   */
  async function mockActivity(template, where = 'personal', change = (activity) => activity) {
    const query = new URLSearchParams({ conversationId: conversationId(config, where) });
    if (template) query.set('type', template);
    const made = await fetch(`${url}/_internal/v1/customActivities/template?${query}`);
    if (!made.ok) throw new Error(`template ${template}: ${made.status} ${await made.text()}`);
    const activity = change(await made.json());
    const sent = await fetch(`${url}/_internal/v1/customActivities`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(activity),
    });
    if (!sent.ok) throw new Error(`mock activity ${template}: ${sent.status} ${await sent.text()}`);
    return activity;
  }
  return { url, port: Number(new URL(url).port), config, connector: `${url}/_connector`, mockActivity, stop: async () => {} };
}

/** The id of a conversation: 'personal', 'group', 'channel' (General), a channel's name, or an id as it is. */
export function conversationId(config, where) {
  if (where === 'personal') return config.personalChat.id;
  if (where === 'group') return config.groupChats[0].id;
  const { channels } = config.teams[0];
  if (where === 'channel') return channels[0].id;
  return channels.find((channel) => channel.name === where)?.id ?? where;
}

/** Ends a child process politely, after three seconds for good, and resolves when it is gone. */
async function endProcess(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => { child.once('exit', done); });
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 3000);
  await gone;
  clearTimeout(hard);
}
