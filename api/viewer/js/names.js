// Names that are too long for where they stand, shortened so that they can still be told apart.
import { shortened } from "./format.js";

const ARROW = " -> ";
const WORTH_CUTTING = 4;

/** How many characters all these texts begin with, up to the end of a word. */
function commonBeginning(texts) {
  const [first, ...others] = texts;
  if (!others.length) return 0;
  let length = 0;
  while (length < first.length && others.every((text) => text[length] === first[length])) length += 1;
  while (length > 0 && /[\p{L}\p{N}]/u.test(first[length - 1])) length -= 1;
  return length >= WORTH_CUTTING ? length : 0;
}

const reversed = (text) => [...text].reverse().join("");

/** A function from each of these names to at most `longest` characters, all different wherever that is possible. */
export function shortNames(names, longest) {
  const unique = [...new Set(names)];
  if (unique.every((name) => name.length <= longest)) return (name) => shortened(name, longest);
  const front = commonBeginning(unique);
  const back = commonBeginning(unique.map(reversed));
  const stripped = (name) => {
    const middle = name.slice(front, Math.max(front + 1, name.length - back));
    return `${front ? "…" : ""}${middle}${back ? "…" : ""}`;
  };
  const ending = (name) => (front ? `…${name.slice(front)}` : name);
  const cut = (text) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
  const [byEnding, byParts, plain] = [(name) => cut(ending(name)), (name) => shortened(stripped(name), longest), (name) => shortened(name, longest)];
  return [byEnding, byParts, plain].find((way) => new Set(unique.map(way)).size === unique.length) ?? byParts;
}

/** Names of links are shortened at both ends: a function for resources, which are nodes, media or links "a -> b". */
export function shortResources(resources, longest) {
  const ends = (name) => name.split(ARROW);
  const whole = shortNames(resources.filter((name) => ends(name).length === 1), longest);
  const half = shortNames(resources.filter((name) => ends(name).length === 2).flatMap(ends), Math.max(4, Math.floor((longest - 3) / 2)));
  return (name) => (ends(name).length === 2 ? ends(name).map(half).join(" → ") : whole(name));
}
