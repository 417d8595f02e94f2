// Proves the driver against a small bot in this process: node selftest.mjs [folder for screenshots]
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { defaultConfig, openClient, startPlayground, TEMPLATES } from './playground.mjs';
import { until } from './wait.mjs';

const form = {
  type: 'AdaptiveCard', version: '1.5',
  body: [
    { type: 'TextBlock', text: 'Declare form', weight: 'Bolder' },
    { type: 'Input.Text', id: 'title', label: 'What is broken?', isRequired: true, errorMessage: 'Say what is broken' },
    { type: 'Input.Text', id: 'notes', label: 'Notes', isMultiline: true },
    { type: 'Input.Number', id: 'users', label: 'Users affected', min: 0 },
    { type: 'Input.Date', id: 'day', label: 'Began on' },
    { type: 'Input.Time', id: 'time', label: 'Began at' },
    { type: 'Input.Toggle', id: 'private', title: 'Private', value: 'false' },
    { type: 'Input.ChoiceSet', id: 'level', label: 'Level', choices: [{ title: 'Service down', value: 'service-down' }, { title: 'Other', value: 'other' }] },
    { type: 'Input.ChoiceSet', id: 'kind', label: 'Kind', style: 'expanded', choices: [{ title: 'Errors', value: 'errors' }, { title: 'Latency', value: 'latency' }] },
    { type: 'Input.ChoiceSet', id: 'teams', label: 'Tell', isMultiSelect: true, choices: ['dba', 'devops', 'payments'].map((t) => ({ title: t, value: t })) },
  ],
  actions: [
    { type: 'Action.Execute', title: 'Declare', verb: 'declare', data: { form: 1 }, fallback: 'drop' },
    { type: 'Action.Submit', title: 'Later', data: { later: true } },
  ],
};
const done = (text) => ({ type: 'AdaptiveCard', version: '1.5', body: [{ type: 'TextBlock', text, wrap: true }] });
const attachment = (content) => ({ contentType: 'application/vnd.microsoft.card.adaptive', content });

/** A bot that answers "form" with the form, "update" by changing its last message, and anything else with an echo. */
async function echoBot() {
  const activities = [];
  let lastSent;
  async function call(method, address, activity) {
    const answer = await fetch(address, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ type: 'message', ...activity }) });
    if (!answer.ok) throw new Error(`${method} ${address}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
  async function answerTo(activity) {
    const conversation = `${activity.serviceUrl}/v3/conversations/${encodeURIComponent(activity.conversation.id)}/activities`;
    const text = (activity.text ?? '').replace(/<at>.*?<\/at>/g, '').trim();
    if (text === 'update' && lastSent) {
      await call('PUT', `${lastSent.conversation}/${lastSent.id}`, { attachments: [attachment(done('Updated in place'))] });
      return;
    }
    const card = text === 'form' ? form : done(activity.value ? `submitted ${JSON.stringify(activity.value)}` : `echo: ${text}`);
    const { id } = await call('POST', conversation, { attachments: [attachment(card)] });
    lastSent = { conversation, id };
  }
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    if (req.method !== 'POST') { res.end(); return; } // the page asks by HEAD whether the bot is up
    const activity = JSON.parse(Buffer.concat(chunks));
    activities.push(activity);
    if (activity.type === 'invoke') {
      const { data } = activity.value.action;
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ statusCode: 200, type: 'application/vnd.microsoft.card.adaptive', value: done(`declared ${data.title}`) }));
      return;
    }
    res.end();
    if (activity.type === 'message') await answerTo(activity).catch((err) => errors.push(err));
  });
  const errors = [];
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  return {
    endpoint: `http://127.0.0.1:${server.address().port}/api/messages`, activities, errors,
    stop: () => new Promise((closed) => { server.close(closed); server.closeAllConnections(); }),
  };
}

async function personal(client, bot, shots) {
  await client.sendMessage('hello there', 'personal');
  await client.waitForCard('echo: hello there');
  await client.sendMessage('form');
  await client.waitForCard('Declare form');
  await client.clickAction('Declare', { expectRequest: false });
  await client.waitForText('Say what is broken'); // the title is required, and the page itself says so
  assert.equal(bot.activities.filter((a) => a.type === 'invoke').length, 0, 'an incomplete form reached the bot');
  const values = {
    title: 'checkout is down', notes: 'line one\nline two', users: 42, day: '2026-11-05', time: '9:30 AM',
    private: true, level: 'Service down', kind: 'Latency', teams: ['dba', 'payments'],
  };
  for (const [id, value] of Object.entries(values)) await client.fillInput(id, value);
  await client.screenshotCard(path.join(shots, 'form-phone.png'), { width: 320 });
  const { request, status } = await client.clickAction('Declare');
  assert.equal(status, 200);
  assert.ok(request, 'the invoke was not recorded');
  await client.waitForCard('declared checkout is down');
  const { action } = bot.activities.find((a) => a.type === 'invoke').value;
  assert.deepEqual({ verb: action.verb, data: action.data }, {
    verb: 'declare',
    data: {
      form: 1, title: 'checkout is down', notes: 'line one\nline two', users: '42', day: '2026-11-05', time: '09:30',
      private: 'true', level: 'service-down', kind: 'latency', teams: 'dba,payments',
    },
  }, 'what the form sent');
}

async function group(client, bot) {
  await client.sendMessage('form', 'group');
  await client.waitForCard('Declare form');
  await client.fillInput('What is broken?', 'by its label');
  await client.clickAction('Later');
  await client.waitForCard('submitted');
  const submitted = bot.activities.find((a) => a.value?.later);
  assert.equal(submitted.value.title, 'by its label');
  assert.equal(submitted.conversation.conversationType, 'groupChat');
  const before = bot.activities.length;
  await client.sendMessage('nobody asked you', 'group', { mention: null });
  await client.sendMessage('you were asked', 'group');
  await client.waitForCard('echo: you were asked');
  assert.ok(!bot.activities.slice(before).some((a) => a.text?.includes('nobody asked you')), 'the bot heard a message without a mention');
}

async function channel(client, bot, viewer) {
  await client.sendMessage('new post', 'channel');
  await client.waitForCard('echo: new post');
  const post = bot.activities.find((a) => a.text?.includes('new post'));
  assert.match(post.conversation.id, /;messageid=/);
  await client.sendMessage('in the thread', 'channel', { replyTo: 'new post' });
  await client.waitForCard('echo: in the thread');
  const reply = bot.activities.find((a) => a.text?.includes('in the thread'));
  assert.equal(reply.conversation.id, post.conversation.id, 'the reply is in another thread');
  await client.sendMessage('second channel', 'Incidents');
  await client.waitForCard('echo: second channel');
  await client.sendMessage('update me', 'personal');
  await client.waitForCard('echo: update me');
  await viewer.waitForCard('echo: update me');
  await client.sendMessage('update');
  await client.waitForCard('Updated in place');
  await viewer.waitForCard('Updated in place');
}

/** A page of a phone's width keeps the list of conversations in a drawer. */
async function narrow(client, shots) {
  const phone = await client.viewer({ width: 600, height: 900 });
  await phone.sendMessage('from a small page', 'group');
  await phone.waitForCard('echo: from a small page');
  await phone.sendMessage('and back', 'personal');
  await phone.waitForCard('echo: and back');
  await phone.screenshot(path.join(shots, 'narrow.png'));
  const image = await client.screenshot(path.join(shots, 'resized.png'), { width: 700, height: 500 });
  assert.deepEqual([image.readUInt32BE(16), image.readUInt32BE(20)], [700, 500], 'size of the PNG');
}

async function mocked(playground, bot) {
  const heard = bot.activities.length;
  await playground.mockActivity(undefined, 'personal', (a) => ({ ...a, type: 'messageReaction', reactionsAdded: [{ type: 'like' }] }));
  await playground.mockActivity('channelRenamed', 'channel');
  const types = () => bot.activities.slice(heard).map((a) => a.channelData?.eventType ?? a.type);
  await until(() => types().includes('messageReaction') && types().includes('channelRenamed'), 5000, `mocked activities among ${types()}`);
  assert.ok(TEMPLATES.includes('channelRenamed'));
}

async function main() {
  const shots = process.argv[2] ?? fs.mkdtempSync(path.join(os.tmpdir(), 'selftest-'));
  fs.mkdirSync(shots, { recursive: true });
  const bot = await echoBot();
  let playground;
  let client;
  try {
    playground = await startPlayground({ endpoint: bot.endpoint, config: defaultConfig() });
    await assert.rejects(startPlayground({ endpoint: bot.endpoint, port: playground.port }), /is busy/, 'a busy port went unnoticed');
    client = await openClient(playground);
    const viewer = await client.viewer({ width: 900 });
    const steps = {
      'personal chat, form, Action.Execute': () => personal(client, bot, shots),
      'group chat, Action.Submit, mentions': () => group(client, bot),
      'channel, thread, update, second viewer': () => channel(client, bot, viewer),
      'narrow page, screenshots': () => narrow(client, shots),
      'made-up activities': () => mocked(playground, bot),
      'a wait that is in vain fails': () => assert.rejects(client.waitForText('never said', 300)),
    };
    for (const [name, step] of Object.entries(steps)) {
      const began = Date.now();
      await step();
      console.log(`ok   ${name} (${Date.now() - began} ms)`);
    }
    await client.screenshot(path.join(shots, 'client.png'));
    assert.deepEqual(bot.errors, [], 'errors of the bot');
    assert.ok(client.cardsSeen().length > 5, 'cards seen');
    assert.deepEqual(client.errors, [], 'errors of the page');
    console.log(`ok   screenshots in ${shots}`);
  } catch (err) {
    await client?.screenshot(path.join(shots, 'failed.png')).catch(() => {});
    console.error(`not ok: see ${path.join(shots, 'failed.png')}`, ...bot.errors);
    throw err;
  } finally {
    await client?.stop();
    await playground?.stop();
    await bot.stop();
  }
}

await main();
