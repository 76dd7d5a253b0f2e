// Rows of the form, each folded to one line: nodes and links are edited alike.
import { button, h } from "../dom.js";

const SHOWN = 40;
/** More rows are shown on demand. */

/**
 * A list of rows.
 *
 * @param {object} list
 * @param {string} list.what "node" or "link"
 * @param {Array} list.items
 * @param {(item, index) => string[]} list.head name and facts of a folded row
 * @param {(index) => Element[]} list.body its fields, made when it is first unfolded
 * @param {(index) => void} list.remove
 * @param {(index) => string} list.pointer of the row itself
 */
export function rowList({ what, items, head, body, remove, pointer }) {
  const list = h("ul", { class: "rows", "data-rows": what });
  const add = (from) => {
    items.slice(from, from + SHOWN).forEach((item, offset) => list.append(rowOf(item, from + offset)));
    const left = items.length - from - SHOWN;
    if (left > 0) {
      const more = h("li", { class: "more" }, button(`Show ${Math.min(SHOWN, left)} more of ${left}`, () => {
        more.remove();
        add(from + SHOWN);
      }, { class: "button small bare" }));
      list.append(more);
    }
  };
  const rowOf = (item, index) => {
    const [name, ...facts] = head(item, index);
    const holder = h("div", { class: "form-body" });
    const details = h("details", { class: "form-row", "data-pointer": pointer(index), "data-index": index, on: { toggle: () => details.open && unfold() } },
      h("summary", {}, h("span", { class: "row-name" }, name), h("span", { class: "row-facts quiet small" }, facts.filter(Boolean).join(" · "))),
      holder);
    const unfold = () => {
      if (holder.firstChild) return;
      holder.append(h("div", { class: "grid" }, body(index)),
        h("div", { class: "row" }, button(`Remove this ${what}`, () => remove(index), { class: "button small danger", "aria-label": `Remove ${what} ${name}` })));
    };
    details.unfold = unfold;
    return h("li", {}, details);
  };
  list.reveal = (index) => {
    while (!list.querySelector(`[data-index="${index}"]`) && list.querySelector(".more button")) list.querySelector(".more button").click();
    const details = list.querySelector(`[data-index="${index}"]`);
    if (!details) return null;
    details.unfold();
    details.open = true;
    return details;
  };
  add(0);
  return list;
}
