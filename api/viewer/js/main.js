// The page: its parts put together, and which of them an address shows.
import { onKeyNeeded } from "./api.js";
import { byId } from "./dom.js";
import { Comparisons } from "./comparisons.js";
import { Editor } from "./editor/editor.js";
import { askForKey } from "./key_dialog.js";
import { Session } from "./session.js";
import { chooseTheme } from "./theme_choice.js";
import { Workbench } from "./workbench.js";

const FIRST_EXAMPLE = "llama-2-7b-phone-jetson-edge";

const session = new Session();
const editor = new Editor(byId("editor"), session, { solve: () => workbench.solve(), trace: () => workbench.trace(), failed: (error) => workbench.failed(error) });
const workbench = new Workbench(session, editor, { progress: byId("progress"), result: byId("result"), answer: byId("answer") });
const comparisons = new Comparisons(session, byId("comparison"), workbench);

/** `#/plans/{id}` shows a stored plan, `#/compare/{a}/{b}` two of them, everything else the workbench. */
async function show() {
  const [view = "", ...ids] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const comparing = view === "compare";
  byId("main").dataset.view = comparing ? "compare" : "plan";
  byId("comparison").hidden = !comparing;
  byId("editor").hidden = comparing;
  byId("answer").hidden = comparing;
  for (const link of document.querySelectorAll("[data-route]")) {
    if ((link.dataset.route === "compare") === comparing) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (comparing) await comparisons.show(ids[0] ?? "", ids[1] ?? "");
  else if (view === "plans" && ids[0]) await workbench.open(ids[0]);
  else workbench.redraw();
}

async function begin() {
  onKeyNeeded(askForKey);
  chooseTheme();
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault(); // the address belongs to the routes
    byId("answer").focus();
  });
  const asked = new URLSearchParams(location.search).get("plan");
  if (asked) history.replaceState(null, "", `${location.pathname}#/plans/${encodeURIComponent(asked)}`);
  try {
    await editor.open();
    workbench.welcome(editor.examples);
    if (!location.hash.startsWith("#/plans/")) await editor.take(FIRST_EXAMPLE);
    addEventListener("hashchange", show);
    await show();
    document.documentElement.dataset.ready = "true";
    performance.mark("placement:ready");
  } catch (error) {
    workbench.failed(error);
  }
}

begin();
