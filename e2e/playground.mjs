// Talks to Microsoft 365 Agents Playground, Microsoft's emulator of a Teams client, which "imbot demo" starts.
// It is an emulator and not Teams: it shows no command menu, ignores the app manifest, opens dialogs of message extensions only
// and cannot delete.
import { PATIENCE, until } from './wait.mjs';

/** Connects to an emulator. Returns { url, config, mockActivity }; config is the one in use. */
export async function attachPlayground(url, { timeout = PATIENCE } = {}) {
  await until(() => fetch(`${url}/_debug/ping`).then((answer) => answer.ok, () => false), timeout, `the playground at ${url} to answer`);
  const { config } = await (await fetch(`${url}/_internal/v1/testConfig`)).json();

  /**
   * Sends the bot any activity, as the page's menu "Mock an Activity" does: made from a template (undefined: a bare one) in the
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
  return { url, config, mockActivity };
}

/** The id of a conversation: 'personal', 'group', 'channel' (General), a channel's name, or an id as it is. */
export function conversationId(config, where) {
  if (where === 'personal') return config.personalChat.id;
  if (where === 'group') return config.groupChats[0].id;
  const { channels } = config.teams[0];
  if (where === 'channel') return channels[0].id;
  return channels.find((channel) => channel.name === where)?.id ?? where;
}
