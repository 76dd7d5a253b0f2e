// Light, dark, or as the system has it; kept for the next visit.
const KEY = "placement-theme";

function kept() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system"; // storage is forbidden
  }
}

function apply(choice) {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  for (const button of document.querySelectorAll("[data-theme-choice]")) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // it then lasts as long as the page
  }
}

export function chooseTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) button.addEventListener("click", () => apply(button.dataset.themeChoice));
  apply(kept());
}
