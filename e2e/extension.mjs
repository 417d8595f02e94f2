// The message extension, through the emulator, with what its page never sends and Teams does: a message of somebody else, as
// HTML, with a link. The page's own menus are driven in menus.mjs.
import assert from 'node:assert/strict';
import { conversationId } from './playground.mjs';
import { eventually } from './world.mjs';

/** Sends an invoke as a person of the emulator, and returns { task, composeExtension }. */
async function invoke({ playground, CHANNEL }, name, value) {
  const { config, url } = playground;
  const answer = await fetch(`${url}/_conversation/v1/invoke`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: `composeExtension/${name}`, value, from: { id: config.currentUser.id }, conversation: { id: conversationId(config, CHANNEL) } }),
  });
  assert.equal(answer.status, 200, `${name}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

/** The data of the first button of a card, with what is typed into its inputs. */
function press(card, typed) {
  const all = [];
  const walk = (node) => {
    if (!node || typeof node !== 'object') return;
    all.push(node);
    Object.values(node).forEach(walk);
  };
  walk(card);
  const button = all.find((node) => node.type === 'Action.Submit');
  assert.ok(button, `a dialog without a button: ${JSON.stringify(card)}`);
  const inputs = all.filter((node) => String(node.type).startsWith('Input.') && node.value !== undefined).map((node) => [node.id, node.value]);
  return { ...button.data, ...Object.fromEntries(inputs), ...typed };
}

/** A message becomes an incident, another one goes onto its timeline, and it is found. */
export async function extension(day) {
  const { api } = day;
  const message = (id, html) => ({
    id, createdDateTime: new Date().toISOString(), linkToMessage: `https://teams.microsoft.com/l/message/19:x@thread.tacv2/${id}`,
    body: { contentType: 'html', content: html }, from: { user: { id: '0a0a0a0a-1b1b-4c4c-8d8d-0e0e0e0e0e0e', displayName: 'Eko Prasetyo' } }, attachments: [],
  });
  const fetched = await invoke(day, 'fetchTask', {
    commandId: 'declare', commandContext: 'message', messagePayload: message('1798679045000', '<p>Refunds are stuck &amp; growing</p><p>since noon</p>'),
  });
  assert.equal(fetched.task?.type, 'continue', JSON.stringify(fetched));
  const card = fetched.task.value.card.content;
  assert.match(JSON.stringify(card), /Refunds are stuck & growing[\s\S]*Eko Prasetyo/);
  const declared = await invoke(day, 'submitAction', { commandId: 'declare', commandContext: 'message', data: press(card, {}) });
  assert.match(JSON.stringify(declared), /Refunds are stuck/);
  const [inc] = await eventually('the incident of the message', () => api.list(), (all) => all.some((i) => i.title === 'Refunds are stuck & growing'))
    .then((all) => all.filter((i) => i.title === 'Refunds are stuck & growing'));
  assert.match(inc.description, /since noon[\s\S]*— Eko Prasetyo[\s\S]*https:\/\/teams\.microsoft\.com\/l\/message\//);
  const asked = await invoke(day, 'fetchTask', { commandId: 'timeline', commandContext: 'message', messagePayload: message('1798679045001', '<p>queue restarted</p>') });
  const added = await invoke(day, 'submitAction', { commandId: 'timeline', data: press(asked.task.value.card.content, { incident_other: inc.id }) });
  assert.match(added.task?.value ?? '', new RegExp(inc.id));
  await eventually('the message on the timeline', () => api.timeline(inc.id), (all) => all.some((e) => e.kind === 'note' && e.text === 'queue restarted' && e.data?.author === 'Eko Prasetyo'));
  const found = await invoke(day, 'query', { commandId: 'find', parameters: [{ name: 'q', value: 'refunds stuck' }], queryOptions: { skip: 0, count: 25 } });
  assert.equal(found.composeExtension?.attachments?.length, 1, JSON.stringify(found));
  assert.match(found.composeExtension.attachments[0].preview.content.title, new RegExp(`${inc.id} Refunds`));
}
