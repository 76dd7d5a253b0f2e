// Round ticks of an axis, all in one unit and with as many digits as tell them apart.
import { d3 } from "../d3.js";

const THIN = "\u202f";
export const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
export const JOULES = [[1e6, "MJ"], [1e3, "kJ"], [1, "J"], [1e-3, "mJ"], [1e-6, "µJ"]];
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];

/** About so many ticks over a range: `{at, text}`. */
export function unitTicks([from, to], wanted, units) {
  const [factor, unit] = units.find(([size]) => to >= size) ?? units.at(-1);
  const scale = d3.scaleLinear([from / factor, to / factor], [0, 1]);
  const format = scale.tickFormat(wanted);
  return scale.ticks(wanted).map((tick) => ({ at: tick * factor, text: tick === 0 ? "0" : `${format(tick)}${THIN}${unit}` }));
}

/** Ticks of sizes in bytes, at 1, 2, 4, 8 ... times a power of 1024. */
export function byteTicks([, most], wanted) {
  if (!most) return [{ at: 0, text: "0" }];
  let step = 2 ** Math.ceil(Math.log2(most / Math.max(2, wanted)));
  if (most / step < 2) step /= 2;
  const [factor, unit] = BYTES.find(([size]) => most >= size) ?? BYTES.at(-1);
  return d3.range(0, most * 1.0001, step).map((at) => ({ at, text: at === 0 ? "0" : `${Number((at / factor).toPrecision(4))}${THIN}${unit}` }));
}
