// The vendored plotting library; a classic script of the page has loaded it before any module runs.
export const d3 = globalThis.d3;
