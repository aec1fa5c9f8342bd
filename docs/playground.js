// In place of a kernel: the half of a widget's model that the playground asks for. STATE has what it starts with.
// The settings stand in the page's address behind the #: whoever opens the link sees the same network.
const SETTINGS = ["dataset", "features", "hidden", "activation", "learning_rate", "l2"];
const known = {
  dataset: (value) => value in STATE.datasets,
  features: (value) => value.length > 0 && value.every((each) => each in FEATURES),
  hidden: (value) => value.length <= 4 && value.every((each) => Number.isInteger(each) && each >= 1 && each <= 8),
  activation: (value) => value in ACTIVATIONS,
  learning_rate: (value) => STATE.learning_rates.includes(value),
  l2: (value) => STATE.penalties.includes(value),
};
for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
  try {
    const value = JSON.parse(text);
    if (SETTINGS.includes(name) && known[name](value)) STATE[name] = value;
  } catch {
    // a link that was cut off: what it would have set stays as it is
  }
}
const listeners = {};
const model = {
  get: (name) => STATE[name],
  set(name, value) {
    if (JSON.stringify(STATE[name]) === JSON.stringify(value)) return;
    STATE[name] = value;
    for (const listener of listeners[`change:${name}`] ?? []) listener();
    if (!SETTINGS.includes(name)) return;
    const settings = SETTINGS.map((each) => [each, JSON.stringify(STATE[each])]);
    window.history.replaceState(null, "", `#${new URLSearchParams(settings)}`);
  },
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  off() {},
  save_changes() {},
};
render({ model, el: document.getElementById("playground") });
