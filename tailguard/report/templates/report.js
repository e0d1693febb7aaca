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

  // A table is sorted by its heads: by `data-value` if a cell has one, else by its text.
  const value = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent;
  const order = (place, sign) => (left, right) =>
    sign * value(left, place).localeCompare(value(right, place), undefined, { numeric: true });
  const byNumber = (place, sign) => (left, right) => sign * (value(left, place) - value(right, place));
  document.querySelectorAll("table.sortable").forEach((table) => {
    const [body] = table.tBodies, heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const sign = head.ariaSort === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        const compare = body.rows[0].cells[place].dataset.value === undefined ? order : byNumber;
        body.append(...[...body.rows].sort(compare(place, sign)));
      });
    });
  });
  document.querySelectorAll("input.filter").forEach((filter) => {
    filter.hidden = false;
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of filter.closest("section").querySelectorAll("tbody tr")) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  });

  // Whoever follows a link to what is folded wants to read it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
    target?.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  if (location.hash) unfold();

  // A link to each part, for whoever wants to send one.
  document.querySelectorAll("section[id] > h2, details[id] > summary h3").forEach((head) => {
    const link = document.createElement("a");
    link.className = "link";
    link.href = `#${head.closest("[id]").id}`;
    link.ariaLabel = `Link to ${head.textContent.trim()}`;
    link.textContent = "#";
    head.append(" ", link);
  });

  // Paper cannot be clicked: of what is not green, everything is open while printing; what is green keeps to its row.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details[open] details:not([open])")];
    closed.forEach((found) => { found.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((found) => { found.open = false; }));
})();
