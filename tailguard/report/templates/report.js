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
    const text = copy.parentElement.querySelector("pre, code");
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

  // A long table is sorted by its heads and searched. A cell counts by its `data-value`, its number, or else its text.
  const LONG = 8, MICRO = { "µs": 1, ms: 1e3, s: 1e6, min: 6e7, h: 3.6e9 };
  const FACTORS = { ...MICRO, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
  const NUMBERS = /^[≤≥<>]?\s*([+\u2212-]?)((?:[\d.,]*\d\s*[a-zµ%×/]*\s*)+)$/i;
  const number = (text) => {
    const [, sign, parts] = NUMBERS.exec(text) ?? [];
    if (parts === undefined) return NaN;
    const sum = [...parts.matchAll(/([\d.,]*\d)\s*([a-zµ%×/]*)/gi)]
      .reduce((before, [, digits, unit]) => before + digits.replaceAll(",", "") * (FACTORS[unit] ?? 1), 0);
    return sign && sign !== "+" ? -sum : sum;
  };
  const said = (cell) => [...cell.childNodes].map((node) => node.textContent.trim()).find(Boolean) ?? "";
  const value = (row, place) => {
    const cell = row.cells[place], text = said(cell);
    return { text, number: cell.dataset.value === undefined ? number(text) : Number(cell.dataset.value) };
  };
  const inOrder = (left, right) =>
    Number.isNaN(left.number) || Number.isNaN(right.number)
      ? Number.isNaN(left.number) - Number.isNaN(right.number)
        || left.text.localeCompare(right.text, undefined, { numeric: true })
      : left.number - right.number;
  const sortable = (table) => {
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
        body.append(...[...body.rows].sort((left, right) => sign * inOrder(value(left, place), value(right, place))));
      });
    });
  };
  const searched = (filter, within) => {
    filter.hidden = false;
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of within.querySelectorAll("tbody tr")) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  };
  const searchable = (table) => {
    const frame = table.closest(".scroll") ?? table, filter = document.createElement("input");
    filter.type = "search";
    filter.className = "filter";
    filter.placeholder = "Search";
    filter.ariaLabel = `Search ${frame.ariaLabel ?? "this table"}`;
    frame.before(filter);
    searched(filter, table);
  };
  document.querySelectorAll(".green .filter").forEach((filter) => searched(filter, filter.closest(".green")));
  document.querySelectorAll("main table").forEach((table) => {
    const isLong = table.tHead && table.tBodies[0].rows.length > LONG;
    if (isLong || table.matches(".sortable")) sortable(table);
    if (isLong && !table.closest(".green")) searchable(table);
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
