// One solve: accepted at once, followed by its events (or by looking again), cancelled on demand.
import { Refused, request } from "./api.js";
import { events } from "./sse.js";

const POLL_MS = 1000;
const RETRIES = 3;
const WAIT_S = 2;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const running = (answer) => answer.status === "queued" || answer.status === "running";

export class Solve {
  /**
   * @param {string} path plan or frontier
   * @param {object} body the request
   * @param {(event: {name: string, data: object}) => void} told what happens on the way: queued, started, incumbent, bound
   */
  constructor(path, body, told) {
    this.path = path;
    this.body = body;
    this.told = told;
    this.location = null;
    this.cancelled = false;
    this.leaving = new AbortController();
  }

  /** The answer, also of a cancelled solve; null when it was cancelled before the service had taken it. */
  async run() {
    try {
      const response = await request(this.path, {
        method: "POST",
        body: this.body,
        headers: { Prefer: "respond-async" },
        signal: this.leaving.signal,
      });
      const answer = await response.json();
      if (response.status !== 202) return answer;
      this.location = new URL(response.headers.get("Location"), response.url).pathname.replace(new URL("./", document.baseURI).pathname, "");
      this.told({ name: answer.status, data: {} });
      return await this.#followed();
    } catch (error) {
      if (error.name === "AbortError") return null;
      throw error;
    }
  }

  /** End it soon; `run` then gives the best plan so far. */
  async cancel() {
    this.cancelled = true;
    if (this.location === null) this.leaving.abort();
    else await request(this.location, { method: "DELETE" });
  }

  async #followed() {
    let after = null;
    for (let lost = 0; lost < RETRIES; ) {
      try {
        for await (const event of events(`${this.location}/events`, { after, signal: this.leaving.signal })) {
          lost = 0;
          after = event.id ?? after;
          if (event.name === "done") return await this.#polled();
          this.told(event);
        }
      } catch (error) {
        if (error instanceof Refused && error.problem.status >= 400 && error.problem.status < 500) break;
        if (error.name === "AbortError") throw error;
      }
      const answer = await this.#answer();
      if (!running(answer)) return answer;
      lost += 1;
      await pause(POLL_MS);
    }
    return this.#polled();
  }

  async #answer(waitS = 0) {
    return (await request(this.location, { headers: { Prefer: `wait=${waitS}` }, signal: this.leaving.signal })).json();
  }

  async #polled() {
    for (;;) {
      const answer = await this.#answer(WAIT_S);
      if (!running(answer)) return answer;
      if (answer.objective !== null) this.told({ name: "bound", data: answer });
      await pause(POLL_MS);
    }
  }
}
