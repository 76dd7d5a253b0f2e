// Elements without markup in strings: names of nodes come from outside and must never be read as HTML.

/** An element with attributes, listeners (`on`) and children; null and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, heard] of Object.entries(value)) element.addEventListener(event, heard);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Put these children in the place of whatever was there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let counted = 0;
/** An id that no other element has. */
export const freshId = (what) => `${what}-${++counted}`;

/** A button that does one thing. */
export function button(label, click, attributes = {}) {
  return h("button", { type: "button", class: "button", on: { click }, ...attributes }, label);
}

/** A message that a status or alert of the page reads out. */
export function announce(text) {
  byId("announcer").textContent = text;
}
