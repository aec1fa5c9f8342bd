// In place of a kernel: the half of a widget's model that the playground asks for. STATE has what it starts with.
const listeners = {};
const model = {
  get: (name) => STATE[name],
  set(name, value) {
    if (JSON.stringify(STATE[name]) === JSON.stringify(value)) return;
    STATE[name] = value;
    for (const listener of listeners[`change:${name}`] ?? []) listener();
  },
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  off() {},
  save_changes() {},
};
render({ model, el: document.getElementById("playground") });
