// JSON Pointer (RFC 6901): where in a document something is.

/** The names on the way, from the outside in. */
export const stepsOf = (pointer) => pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

/** A name as one step of a pointer. */
export const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");
