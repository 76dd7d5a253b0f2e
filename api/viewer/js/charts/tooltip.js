// One box beside the pointer that repeats what the table of a chart says. Only for the eye: screen readers have the table.
import { fill, h } from "../dom.js";

let box = null;

function shown() {
  if (box === null) {
    box = h("div", { class: "tooltip", "aria-hidden": "true", hidden: true });
    document.body.append(box);
    addEventListener("scroll", hideTooltip, { passive: true, capture: true });
    addEventListener("keydown", (event) => event.key === "Escape" && hideTooltip());
  }
  return box;
}

/** Show a heading and lines `[what, value]` at a place of the window. */
function showTooltip(x, y, heading, lines) {
  const tip = fill(shown(), h("strong", {}, heading),
    h("dl", {}, lines.filter(Boolean).map(([what, value]) => [h("dt", {}, what), h("dd", {}, value)])));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > innerWidth - 8 ? Math.max(8, x - 14 - width) : x + 14;
  const top = y + 14 + height > innerHeight - 8 ? Math.max(8, y - 14 - height) : y + 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

export function hideTooltip() {
  if (box) box.hidden = true;
}

/** Let marks (a selection) show what `told` says of their datum: `[heading, lines]`. */
export function explained(marks, told) {
  return marks
    .on("pointermove", (event, datum) => showTooltip(event.clientX, event.clientY, ...told(datum)))
    .on("pointerleave", hideTooltip)
    .on("focus", (event, datum) => {
      const { right, top } = event.currentTarget.getBoundingClientRect();
      showTooltip(right, top, ...told(datum));
    })
    .on("blur", hideTooltip);
}
