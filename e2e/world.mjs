// What a running demo is asked besides its cards: imbot's API, the simulated PagerDuty, and the log of what went wrong.
import assert from 'node:assert/strict';
import { PATIENCE, until } from './wait.mjs';

async function json(url, token, init = {}) {
  const answer = await fetch(url, { ...init, headers: { authorization: token, 'content-type': 'application/json', ...init.headers } });
  const text = await answer.text();
  assert.ok(answer.ok, `${init.method ?? 'GET'} ${url}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** imbot's REST API at base, with the demo's token. */
export function imbot(base, token) {
  const bearer = `Bearer ${token}`;
  const at = (path) => json(`${base}/api/v1${path}`, bearer);
  return {
    list: async (query = '') => (await at(`/incidents?limit=100${query}`)).incidents,
    get: (id) => at(`/incidents/${id}`),
    timeline: async (id) => (await at(`/incidents/${id}/timeline`)).events,
    postmortem: (id) => at(`/incidents/${id}/postmortem`),
    actions: async (id) => (await at(`/incidents/${id}/actions`)).actions,
    /** The value of one line of the metrics, such as imbot_webhooks_total{outcome="accepted"}. */
    metric: async (line) => {
      const text = await (await fetch(`${base}/metrics`)).text();
      const found = text.split('\n').find((l) => l.startsWith(`${line} `));
      assert.ok(found, `no metric ${line}`);
      return Number(found.slice(line.length));
    },
  };
}

/** The simulated PagerDuty's REST API at base. */
export function pagerDuty(base, token) {
  const at = (path) => json(`${base}${path}`, `Token token=${token}`);
  return {
    get: async (id) => (await at(`/incidents/${id}`)).incident,
    notes: async (id) => (await at(`/incidents/${id}/notes`)).notes,
  };
}

/** Waits until get() gives something that check accepts, and returns it; else fails with the last one. */
export async function eventually(what, get, check, ms = PATIENCE) {
  let last;
  try {
    return await until(async () => { last = await get(); return check(last) && { value: last }; }, ms, what).then((found) => found.value);
  } catch (err) {
    throw new Error(`${err.message}; last seen: ${JSON.stringify(last)?.slice(0, 2000)}`, { cause: err });
  }
}
