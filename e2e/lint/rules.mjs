// What a card must have to be usable: read aloud, on a phone, in old clients. Each rule looks at one element.

const MAX_ACTIONS = 6; // that Teams shows in one row
const MAX_COLUMNS = 3; // that a phone shows without cutting words
const MAX_REFRESH = 60; // users whose card refreshes by itself

/**
 * What is wrong with one element (without what is inside it), as messages that begin with its path. holder is the property
 * that the element stands in.
 */
export function rules(element, type, path, holder) {
  const problems = [];
  const missing = (key, why) => { if (!String(element[key] ?? '').trim()) problems.push(`${path}/${key}: missing${why}`); };
  if (type === 'Image' || type === 'Media') missing('altText', ', it is read aloud');
  if (type === 'Image' && element.url !== undefined && !/^(https:|data:image\/)/.test(element.url)) {
    problems.push(`${path}/url: neither https nor data, Teams does not load it`);
  }
  if (type.startsWith('Input.')) problems.push(...inputRules(element, type, path, missing));
  if (type === 'Table') {
    const rows = element.rows ?? [];
    const columns = Math.max(element.columns?.length ?? 0, ...rows.map((row) => row.cells?.length ?? 0));
    if (columns > MAX_COLUMNS) problems.push(`${path}: ${columns} columns, a phone shows ${MAX_COLUMNS}`);
  }
  const unseen = holder === 'action'; // of refresh: nobody clicks it
  if (type.startsWith('Action.') && !unseen) missing('title', ', a button needs a name');
  if (type === 'Action.Execute') problems.push(...executeRules(element, path, holder === 'actions'));
  if (type === 'Action.OpenUrl' && !/^https:|^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(element.url ?? '')) {
    problems.push(`${path}/url: not https`);
  }
  if (Array.isArray(element.actions)) problems.push(...actionRules(element.actions, `${path}/actions`));
  if (element.refresh?.userIds?.length > MAX_REFRESH) problems.push(`${path}/refresh/userIds: more than ${MAX_REFRESH}`);
  return problems;
}

function inputRules(element, type, path, missing) {
  const problems = [];
  missing('id', ', its value would be lost');
  const named = type === 'Input.Toggle' ? 'title' : 'label'; // a toggle's title is its label; a placeholder is none
  if (type !== 'Input.Toggle' || !element.label) missing(named, ', screen readers need it');
  if (element.isRequired) {
    if (type === 'Input.Toggle') missing('label', ', a required input is marked on its label');
    missing('errorMessage', ', a required input says what it wants');
  }
  if (typeof element.min === 'number' && typeof element.max === 'number' && element.min > element.max) {
    problems.push(`${path}: min is over max`);
  }
  return problems;
}

/** Clients that do not know Action.Execute show its fallback; without one they show nothing to click. */
function executeRules(element, path, isButton) {
  const { fallback } = element;
  const problems = [];
  if (!element.verb) problems.push(`${path}/verb: missing`);
  if (!isButton) return problems;
  if (fallback?.type !== 'Action.Submit') return [...problems, `${path}/fallback: not an Action.Submit`];
  if (!fallback.title) problems.push(`${path}/fallback/title: missing`);
  return problems;
}

/** At most six buttons in a row; more go to the overflow menu by mode, which some clients draw only beside a button. */
function actionRules(actions, path) {
  const problems = [];
  const primary = actions.filter((action) => action.mode !== 'secondary');
  if (primary.length > MAX_ACTIONS) {
    problems.push(`${path}: ${primary.length} buttons, Teams shows ${MAX_ACTIONS}; give the others "mode": "secondary"`);
  }
  if (actions.length && !primary.length) problems.push(`${path}: all are in the overflow menu, keep one as a button`);
  for (const [i, action] of actions.entries()) {
    if (action.mode === 'secondary' && action.type === 'Action.ShowCard') {
      problems.push(`${path}/${i}: Action.ShowCard does not work in the overflow menu`);
    }
  }
  return problems;
}
