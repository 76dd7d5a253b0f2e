// What this page knows: the request being edited, and the plans it has seen.
import { stepsOf } from "./pointer.js";

/** Dispatches `request` when the request was replaced or edited as a whole, `edited` after any change. */
export class Session extends EventTarget {
  constructor() {
    super();
    this.request = null;
    this.seen = new Map();
  }

  /** Take another request. */
  replace(request) {
    this.request = structuredClone(request);
    this.dispatchEvent(new Event("request"));
    this.dispatchEvent(new Event("edited"));
  }

  /** Change one place of the request; `redraw` when rows came or went. */
  edit(change, { redraw = false } = {}) {
    change(this.request);
    if (redraw) this.dispatchEvent(new Event("request"));
    this.dispatchEvent(new Event("edited"));
  }

  /** Remember an answer with the request it answers. */
  remember(plan, request) {
    const entry = { plan, request: structuredClone(request), at: new Date() };
    this.seen.delete(plan.id);
    this.seen.set(plan.id, entry);
    return entry;
  }
}

/** The value at a JSON pointer, or undefined. */
export function valueAt(document, pointer) {
  return stepsOf(pointer).reduce((at, step) => (at === null || typeof at !== "object" ? undefined : at[step]), document);
}

/** Set the value at a JSON pointer; undefined takes the field away, and objects that become empty with it. */
export function setAt(document, pointer, value) {
  const steps = stepsOf(pointer);
  const last = steps.pop();
  const trail = [];
  let at = document;
  for (const [depth, step] of steps.entries()) {
    if (at[step] === undefined || at[step] === null) {
      if (value === undefined) return;
      at[step] = /^\d+$/.test(steps[depth + 1] ?? last) ? [] : {};
    }
    trail.push([at, step]);
    at = at[step];
  }
  if (value !== undefined) {
    at[last] = value;
    return;
  }
  delete at[last];
  for (const [parent, step] of trail.reverse()) {
    if (Array.isArray(parent) || Array.isArray(parent[step]) || Object.keys(parent[step]).length) return;
    if (["cluster", "model", "workload"].includes(step)) return;
    delete parent[step];
  }
}
