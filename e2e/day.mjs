// Plays a day of the demo as a person at the emulator's page, and asks imbot's API and the simulated PagerDuty what came of it:
//   node day.mjs '{"playground": URL, "imbot": URL, "pagerduty": URL, "token": …, "pagerdutyToken": …, "shots": FOLDER}'
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { openClient } from './client.mjs';
import { extension } from './extension.mjs';
import { life } from './life.mjs';
import { menus } from './menus.mjs';
import { attachPlayground } from './playground.mjs';
import { reminded, respond } from './respond.mjs';
import { eventually, imbot, pagerDuty } from './world.mjs';

const setup = JSON.parse(process.argv[2]);
const CHANNEL = 'Payments incidents';

/** What came from PagerDuty: acknowledged and resolved here, heard there, and its echo changes nothing. */
async function alert(day) {
  const { client, api, pager } = day;
  const [inc] = await eventually('the alert of the story', () => api.list(), (all) => all.some((i) => i.title.startsWith('Payments DB is down')))
    .then((all) => all.filter((i) => i.title.startsWith('Payments DB is down')));
  assert.equal(inc.level, 'service-down');
  assert.equal(inc.squad, 'payments');
  const alertId = inc.refs.find((ref) => ref.system === 'pagerduty').id;
  const title = new RegExp(`${inc.id}(?!\\d)[\\s\\S]*${inc.title}`);
  await client.openConversation(CHANNEL);
  await client.waitForCard(title);
  await day.shoot('triage');
  const accepted = () => api.metric('imbot_webhooks_total{outcome="accepted"}');
  const before = await accepted();
  await client.clickAction('Acknowledge');
  await client.waitForCard(new RegExp(`${inc.id}(?!\\d)[\\s\\S]*Ani Wijaya has it`));
  await day.shoot('acknowledged');
  await eventually('PagerDuty to hear of the acknowledgement', () => pager.get(alertId), (i) => i.status === 'acknowledged');
  await eventually('the echo of the acknowledgement', accepted, (n) => n > before);
  // In the thread of its card the number of the incident may be left out.
  await client.sendMessage('note the replica is fine', CHANNEL, { replyTo: inc.title });
  await eventually('the note from the thread', () => api.timeline(inc.id), (all) => all.some((e) => e.kind === 'note' && e.text === 'the replica is fine'));
  await client.sendMessage(`resolve ${inc.id} failed over to the replica`, CHANNEL);
  await eventually('PagerDuty to hear of the end', () => pager.get(alertId), (i) => i.status === 'resolved');
  await client.waitForCard(new RegExp(`${inc.id}(?!\\d)[\\s\\S]*Payments DB is down[\\s\\S]*RCA missing`));
  await eventually('the echo of the end', accepted, (n) => n > before + 1);
  const kinds = (await api.timeline(inc.id)).map((e) => e.kind);
  for (const kind of ['acknowledged', 'resolved']) {
    assert.equal(kinds.filter((k) => k === kind).length, 1, `${kind} on the timeline of ${inc.id}: ${kinds}`);
  }
  const same = (await api.list()).filter((i) => i.refs.some((ref) => ref.id === alertId));
  assert.deepEqual(same.map((i) => i.id), [inc.id], 'incidents of one alert');
}

/** A typed command that nearly exists is answered with the one that does, and help and list say what works here. */
async function words(day, where) {
  const { client } = day;
  const hint = where === 'personal' ? '' : '@imbot ';
  await client.sendMessage('resovle 1', where);
  await client.waitForText(`There is no “resovle”. Did you mean resolve? Example: ${hint}resolve`);
  await client.sendMessage('help', where);
  await client.waitForCard('What you can say');
  await client.waitForCard(`${hint}declare checkout is down service:checkout`);
  await day.shoot(`help-${where === CHANNEL ? 'channel' : where}`);
  await client.sendMessage('list', where);
  await client.waitForCard(/^Incidents/);
  await day.shoot(`list-${where === CHANNEL ? 'channel' : where}`);
}

/** Outside the 1:1 chat only what mentions imbot is for imbot. */
async function unmentioned(day, where) {
  const { client, api } = day;
  const all = () => api.list().then((list) => list.length);
  const before = await all();
  await client.sendMessage('declare nobody asked imbot to hear this', where, { mention: null });
  // Even where Teams delivers such a message, as some permissions make it do, it is not for imbot.
  await day.playground.mockActivity(undefined, where, (a) => ({ ...a, type: 'message', text: 'declare delivered without a mention' }));
  await client.sendMessage('show INC-1', where);
  await client.waitForCard('INC-1');
  assert.equal(await all(), before, 'incidents after messages that mention nobody');
}

/** A page as narrow as a phone keeps the list of conversations in a drawer. */
async function narrow({ client }) {
  const phone = await client.viewer({ width: 600, height: 900 });
  await phone.sendMessage('show INC-2', 'group');
  await phone.waitForCard('Payments DB is down');
  await phone.screenshot(path.join(setup.shots, 'page-phone.png'));
  assert.deepEqual(phone.errors, [], 'errors of the page');
}

async function main() {
  const playground = await attachPlayground(setup.playground);
  const client = await openClient(playground, { width: 1280, height: 1000 });
  const viewer = await client.viewer({ width: 1280 });
  let shots = 0;
  const day = {
    playground, client, viewer, CHANNEL, api: imbot(setup.imbot, setup.token), pager: pagerDuty(setup.pagerduty, setup.pagerdutyToken),
    /** Waits until nothing more is said in Teams: the page draws a thread anew for each message, and a picture would show the old one. */
    quiet: () => eventually('all effects to be done', () => day.api.metric('imbot_effects_oldest_seconds'), (n) => n === 0).then(() => client.pause()),
    /** Pictures of the present card as a desktop and as a phone show it. */
    shoot: async (name, who = client) => {
      const file = path.join(setup.shots, `${String((shots += 1)).padStart(2, '0')}-${name}`);
      await who.screenshotCard(`${file}.png`);
      await who.screenshotCard(`${file}-phone.png`, { width: 320 });
    },
  };
  const steps = {
    'an alert of PagerDuty': () => alert(day),
    'a service is down': () => respond(day),
    'an incident in the 1:1 chat': () => life(day, 'personal'),
    'a reminder': () => reminded(day), // before there are so many incidents that they are a burst, in which nobody is reminded
    'an incident in a group chat': () => life(day, 'group'),
    'an incident in a channel': () => life(day, CHANNEL),
    'words in the 1:1 chat': () => words(day, 'personal'),
    'words in a channel': () => words(day, CHANNEL),
    'no mention in a group chat': () => unmentioned(day, 'group'),
    'no mention in a channel': () => unmentioned(day, CHANNEL),
    'the message extension by its menus': () => menus(day),
    'the message extension with what Teams adds': () => extension(day),
    'a phone': () => narrow(day),
  };
  try {
    for (const [name, step] of Object.entries(steps)) {
      const began = Date.now();
      await step();
      console.log(`ok   ${name} (${Date.now() - began} ms)`);
    }
    await client.screenshot(path.join(setup.shots, 'page.png'));
    assert.deepEqual([...client.errors, ...viewer.errors], [], 'errors of the page');
    const failed = client.log.filter((l) => l.log?.response?.statusCode >= 400).map((l) => [l.log.activityName, l.log.response.statusCode]);
    assert.deepEqual(failed, [], 'calls that were refused');
    await day.quiet();
  } catch (err) {
    await client.screenshot(path.join(setup.shots, 'failed.png')).catch(() => {});
    fs.writeFileSync(path.join(setup.shots, 'failed.json'), JSON.stringify({ client: client.frames, viewer: viewer.frames, invokes: client.invokes }, null, 1));
    throw err;
  } finally {
    await client.stop();
  }
}

await main();
