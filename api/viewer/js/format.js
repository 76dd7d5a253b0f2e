// Quantities for people: three significant digits and the unit that suits the size, as on the command line.

const THIN = "\u202f";
const SECONDS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const JOULES = [[1e9, "GJ"], [1e6, "MJ"], [1e3, "kJ"], [1, "J"], [1e-3, "mJ"], [1e-6, "µJ"]];
const WATTS = [[1e6, "MW"], [1e3, "kW"], [1, "W"], [1e-3, "mW"]];
const BYTES = [[2 ** 50, "PiB"], [2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const THOUSANDS = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];
const ABSENT = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** Three significant digits without an exponent where that is short: 1234.5 -> "1,235". */
function digits(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-6) return value.toPrecision(3);
  if (size >= 99.95) return Math.round(value).toLocaleString("en-GB");
  if (size >= 9.995) return value.toFixed(1);
  return size >= 0.995 ? value.toFixed(2) : String(Number(value.toPrecision(3)));
}

function scaled(value, steps) {
  if (!known(value)) return ABSENT;
  const one = steps.find(([factor]) => factor === 1);
  const [factor, unit] = value === 0 ? one : (steps.find(([step]) => Math.abs(value) >= 0.9995 * step) ?? steps.at(-1));
  return `${digits(value / factor)}${unit ? THIN + unit : ""}`;
}

const thousands = (unit) => THOUSANDS.map(([factor, prefix]) => [factor, prefix + unit]);
const BIT_RATES = thousands("bit/s");
const BYTE_RATES = thousands("B/s");
const FLOP_RATES = thousands("FLOP/s");
const PAYLOADS = thousands("B");

/** 0.0123 -> "12.3 ms"; from two minutes on, minutes and hours. */
export function seconds(value) {
  if (known(value) && value >= 7200) {
    const minutes = Math.round(value / 60);
    return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
  }
  if (known(value) && value >= 120) return `${Math.floor(value / 60)}${THIN}min ${Math.round(value % 60)}${THIN}s`;
  return scaled(value, SECONDS);
}
export const joules = (value) => scaled(value, JOULES);
/** Memory, in binary multiples. */
export const size = (value) => (known(value) && Math.abs(value) < 1023.5 ? `${Math.round(value)}${THIN}B` : scaled(value, BYTES));
/** What crosses a link, in decimal multiples, as its rate is given. */
export const payload = (value) => (known(value) && Math.abs(value) < 999.5 ? `${Math.round(value)}${THIN}B` : scaled(value, PAYLOADS));
export const bitRate = (value) => scaled(value, BIT_RATES);
export const flopRate = (value) => scaled(value, FLOP_RATES);

/** Things per second; slow ones per minute or hour. */
export function rate(value, things = "") {
  if (!known(value)) return ABSENT;
  const [unit, length] = [["s", 1], ["min", 60], ["h", 3600]].find(([name, span]) => value * span >= 1 || name === "h" || value === 0);
  return `${digits(value * length)}${things ? THIN + things : ""}/${unit}`;
}

/** 0.123 -> "12 %"; never "0 %" for what is not zero. */
export function percent(fraction) {
  if (!known(fraction)) return ABSENT;
  const value = 100 * fraction;
  const size = Math.abs(value);
  if (value === 0 || size >= 9.95) return `${value.toFixed(0)}${THIN}%`;
  if (size >= 0.095) return `${value.toFixed(1)}${THIN}%`;
  return size >= 0.00095 ? `${Number(value.toPrecision(1))}${THIN}%` : `<${THIN}0.001${THIN}%`;
}
export const times = (ratio) => (known(ratio) ? `${digits(ratio)}${THIN}×` : ABSENT);
export const count = (value) => (known(value) ? value.toLocaleString("en-GB") : ABSENT);

/** How an objective's value is written, by its kind. */
export function objective(kind, value, last = null) {
  if (!known(value)) return ABSENT;
  const stated = kind === "lexicographic" ? last : kind;
  return { latency: seconds, energy: joules, throughput: rate }[stated]?.(value) ?? digits(value);
}

const ENDINGS = [["throughput_per_s", rate], ["flops_per_s", flopRate], ["bytes_per_s", (value) => scaled(value, BYTE_RATES)], ["bits_per_s", bitRate],
  ["_bytes", size], ["_w", (value) => scaled(value, WATTS)], ["_s", seconds], ["_j", joules]];
/** A value in the unit that its field's name ends with: max_latency_s, memory_bytes. */
export function byField(name, value) {
  if (!known(value)) return ABSENT;
  const written = ENDINGS.find(([ending]) => name.endsWith(ending))?.[1];
  return written ? written(value) : digits(value);
}

/** A figure with five significant digits, where three would make neighbours the same. */
export function precisely(written, value) {
  const [, number, unit] = /^([\d.,]+)(\D*)$/.exec(written(value)) ?? [];
  if (!unit?.trim()) return written(value);
  const scale = Number(number.replaceAll(",", "")) / value;
  const factor = 10 ** (3 * Math.round(Math.log10(scale) / 3));
  return `${Number((value * factor).toPrecision(5))}${unit}`;
}

/** A round figure without the zeros of a measurement: "8.00 GiB" -> "8 GiB". */
export const trimmed = (text) => text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");

/** Half-open layers as people count them: 0..7 -> "layers 0–6". */
export function layers(first, stop) {
  return stop - first === 1 ? `layer ${first}` : `layers ${first}–${stop - 1}`;
}
/** At most so many characters: the beginning and the end of a longer name. */
export function shortened(name, longest) {
  if (name.length <= longest) return name;
  const front = Math.max(1, Math.ceil((longest - 1) / 2));
  const back = Math.max(0, longest - 1 - front);
  return `${name.slice(0, front)}…${back ? name.slice(-back) : ""}`;
}
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
