// Runs before the first paint, so that a chosen theme does not flash. A classic script: modules would come too late.
(() => {
  const root = document.documentElement;
  const kept = (() => {
    try {
      return localStorage.getItem("placement-theme");
    } catch {
      return null; // storage is forbidden: the system's choice counts
    }
  })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
})();
