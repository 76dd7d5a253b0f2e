// Asks for an API key where the service wants one; it is kept for this tab only.
import { button, byId, fill, h } from "./dom.js";

let asking = null;

/** The key that was typed, or null; several requests at once ask once. */
export function askForKey(wasWrong) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    const input = h("input", { id: "api-key", type: "password", autocomplete: "off", required: true });
    const end = (key) => {
      asking = null;
      dialog.close();
      resolve(key);
    };
    fill(dialog, h("form", { on: { submit: (event) => {
      event.preventDefault();
      end(input.value.trim() || null);
    } } },
    h("h2", { id: "key-title" }, "API key"),
    h("p", {}, wasWrong ? "The service does not know this key, or it has expired." : "This service lets in only who has a key. It is kept until this tab is closed."),
    h("label", { class: "field" }, h("span", {}, "key"), input),
    h("div", { class: "row" }, h("button", { class: "button primary", type: "submit" }, "Use this key"), button("Cancel", () => end(null)))));
    dialog.addEventListener("cancel", () => end(null), { once: true });
    dialog.showModal();
  });
  return asking;
}
