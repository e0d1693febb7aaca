// The page without this script is whole: still charts, no toggle. With it, charts answer to the pointer.
(() => {
  "use strict";
  const root = document.documentElement;

  // A browser may forbid storage to files; the choice then lasts as long as the page.
  const store = {
    get() { try { return localStorage.getItem("tailguard-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("tailguard-theme", theme); } catch { /* see above */ } },
  };

  const button = document.getElementById("theme");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  if (store.get()) root.dataset.theme = store.get() === "dark" ? "dark" : "light";
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    store.set(root.dataset.theme);
    label();
  });
  label();

  // ast: expressions are interpreted, not compiled, so that the page needs no unsafe-eval.
  const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false };
  const draw = (chart) => {
    const live = chart.querySelector(".live");
    const spec = JSON.parse(chart.querySelector("script").textContent);
    live.hidden = false;
    window.vegaEmbed(live, spec, options).then(
      () => chart.classList.add("drawn"),
      (error) => { live.hidden = true; console.error(error); },
    );
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((found) => found.isIntersecting)) {
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll(".chart").forEach((chart) => near.observe(chart));

  document.querySelectorAll(".copy").forEach((copy) => {
    const text = copy.parentElement.querySelector("pre");
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        copy.textContent = "Selected: copy with Ctrl+C";
      }
    });
  });

  // Paper cannot be clicked: everything is open while printing.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((found) => { found.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((found) => { found.open = false; }));
})();
