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
  const plain = new Map(unique.map((name) => [name, shortened(name, longest)]));
  if (new Set(plain.values()).size === unique.length) return (name) => plain.get(name) ?? shortened(name, longest);
  const front = commonBeginning(unique);
  const back = commonBeginning(unique.map(reversed));
  const stripped = (name) => {
    const middle = name.slice(front, Math.max(front + 1, name.length - back));
    return `${front ? "…" : ""}${middle}${back ? "…" : ""}`;
  };
  return (name) => shortened(stripped(name), longest);
}

/** The ends of a link's resource name "a -> b", or null. */
export function endsOf(resource) {
  const ends = resource.split(ARROW);
  return ends.length === 2 ? ends : null;
}
