// A chart as a file: SVG with its colours written into it, or PNG at twice the size.

const PAINT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "fill-opacity",
  "stroke-opacity", "font-size", "font-weight", "font-family", "text-anchor", "dominant-baseline", "paint-order", "visibility"];
const MARGIN = 16;

/** Offer a file to the browser. */
export function download(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const downloadJson = (name, value) => download(name, `${JSON.stringify(value, null, 2)}\n`, "application/json");

/** The text of a stand-alone SVG that looks as the chart does now, with its title and legend. */
export function standAlone(svg, title, legendEntries = []) {
  const copy = svg.cloneNode(true);
  inlined(svg, copy);
  for (const element of copy.querySelectorAll("[tabindex], [role]")) {
    element.removeAttribute("tabindex");
    element.removeAttribute("role");
  }
  const ground = getComputedStyle(svg.closest(".card") ?? document.body).backgroundColor;
  const ink = getComputedStyle(svg.closest(".card") ?? document.body).color;
  const width = svg.width.baseVal.value + 2 * MARGIN;
  const head = 30;
  const foot = legendEntries.length ? 28 : 0;
  const height = svg.height.baseVal.value + 2 * MARGIN + head + foot;
  const outer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  set(outer, { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}` });
  outer.append(made("rect", { width, height, fill: ground }));
  outer.append(made("text", { x: MARGIN, y: MARGIN + 14, "font-size": 15, "font-weight": 600, "font-family": "sans-serif", fill: ink }, title));
  set(copy, { x: MARGIN, y: MARGIN + head });
  outer.append(copy);
  let x = MARGIN;
  for (const entry of legendEntries) {
    const swatch = entry.querySelector("svg");
    if (swatch) {
      const small = swatch.cloneNode(true);
      inlined(swatch, small);
      set(small, { x, y: height - MARGIN - 14 });
      outer.append(small);
      x += 22;
    }
    outer.append(made("text", { x, y: height - MARGIN - 4, "font-size": 12, "font-family": "sans-serif", fill: ink }, entry.textContent));
    x += 7 * entry.textContent.length + 18;
  }
  return new XMLSerializer().serializeToString(outer);
}

/** Draw the text of an SVG onto a canvas. */
export async function rasterised(text) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const scale = Math.min(2, 16_000 / Math.max(image.width, image.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width * scale, height: image.height * scale });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function inlined(from, to) {
  const style = getComputedStyle(from);
  if (style.display === "none") {
    to.remove();
    return;
  }
  for (const name of PAINT) {
    const value = style.getPropertyValue(name);
    if (value && !(name === "fill" && from.getAttribute("fill")?.startsWith("url("))) to.setAttribute(name, value);
  }
  to.removeAttribute("class");
  const children = [...to.children];
  [...from.children].forEach((child, index) => inlined(child, children[index]));
}

function made(name, attributes, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(element, attributes);
  if (text !== null) element.textContent = text;
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
