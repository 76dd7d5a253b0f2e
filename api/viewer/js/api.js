// The service over HTTP. Addresses are relative to the page: it works wherever the service is mounted.

const BASE = new URL("./", document.baseURI);
const KEY = "placement-key";

/** Where something of the service is. */
const address = (path) => new URL(`./${path.replace(/^\//, "")}`, BASE); // the dot: plan:evaluate is no scheme

/** Anything that is not 200 or 202: problem details as the service sends them, or what went wrong on the way. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }

  get violations() {
    return this.problem.violations ?? [];
  }
}

const apiKey = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

let askForKey = async () => null;
/** How the page asks for an API key: a function that gives the key, or null. */
export const onKeyNeeded = (ask) => {
  askForKey = ask;
};

async function sent(path, { method = "GET", body, headers = {}, signal } = {}) {
  const key = apiKey.get();
  const all = { Accept: "application/json", ...headers };
  if (key) all.Authorization = `Bearer ${key}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  try {
    return await fetch(address(path), { method, headers: all, body: text, signal, cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ status: 0, title: "The service cannot be reached", detail: "The service does not answer. Is it still running?" });
  }
}

/** The response of the service, asked once more with a key where one is needed; raises `Refused`. */
export async function request(path, options = {}) {
  let response = await sent(path, options);
  if (response.status === 401) {
    const key = await askForKey(Boolean(apiKey.get()));
    if (key) {
      apiKey.set(key);
      response = await sent(path, options);
    }
  }
  if (response.ok) return response;
  throw new Refused(await problemOf(response));
}

async function problemOf(response) {
  try {
    const problem = await response.json();
    if (problem && typeof problem === "object" && problem.title) return { status: response.status, ...problem };
  } catch {
    // no problem details: a proxy's page, say
  }
  return { status: response.status, title: `The service answered ${response.status}`, detail: response.statusText };
}

export const getJson = async (path, options) => (await request(path, options)).json();
export const postJson = async (path, body, options = {}) => (await request(path, { ...options, method: "POST", body })).json();
