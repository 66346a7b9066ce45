// What the views share: the server's answer about its models, and the model in use.

export const state = Object.assign(new EventTarget(), { service: null, model: null });

/** Uses another model; every view follows. */
export function use(name) {
  const model = state.service.models.find((candidate) => candidate.name === name) ?? null;
  if (model === state.model) return;
  state.model = model;
  state.dispatchEvent(new Event('model'));
}
