import { bar, h, pill, put, span, stamp, when } from "./dom.js";
import { detailPanel } from "./detail.js";
import { every, forget, now, onFeed, state, watch } from "./feed.js";

const rowHeight = 42;
const tiles = [
  ["tasks", "tasks", ""],
  ["running", "running", "running"],
  ["failing", "failing", "failing"],
  ["overdue", "overdue", "overdue"],
  ["paused", "paused", "paused"],
];
const colours = { running: "run", failing: "bad", overdue: "bad", paused: "warn" };

/** The supervision tree: only the rows on the screen exist, here and in what the server sends. */
export function treeView(main, opened) {
  let total = 0;
  let filter = "";
  let selected = opened;
  const rows = new Map();
  const drawn = new Map();
  const tileRow = h("div.tiles", { role: "group", "aria-label": "Filters" });
  const search = h("input.search", { type: "search", placeholder: "Search by name   ( / )", "aria-label": "Search" });
  const counted = h("span.quiet.num");
  const inner = h("div", { style: { position: "relative" } });
  const scroll = h("div.scroll", { tabindex: "0", role: "listbox", "aria-label": "Supervision tree" }, inner);
  const heads = ["Name", "State", "Next run", "Last run", "Late by", "Failures", "Restarts"];
  const list = h(
    "div.list.card",
    {},
    h(
      "div.cols",
      {},
      heads.map((text) => h("span", {}, text)),
    ),
    scroll,
  );
  const split = h("div.split", {}, list);
  main.append(tileRow, h("div.bar", {}, search, counted), split);
  const panel = detailPanel(split, () => (location.hash = "#/tree"));

  function drawTiles() {
    const counts = state.summary ?? {};
    put(
      tileRow,
      tiles.map(([key, text, value]) =>
        h(
          "button.tile",
          {
            type: "button",
            class: counts[key] > 0 ? colours[key] : "",
            "aria-pressed": String(filter === value && value !== ""),
            "data-filter": value,
            onclick: () => {
              filter = filter === value ? "" : value;
              restart();
              drawTiles();
            },
          },
          h("b", {}, counts[key] ?? "–"),
          h("span", {}, text),
        ),
      ),
    );
  }

  function askForWindow() {
    const from = Math.max(0, Math.floor(scroll.scrollTop / rowHeight) - 10);
    const count = Math.min(200, Math.ceil(scroll.clientHeight / rowHeight) + 20);
    watch({ query: search.value, filter, from, count });
    for (const [index, element] of drawn) {
      if (index >= from && index < from + count) continue;
      element.remove();
      drawn.delete(index);
      rows.delete(index);
    }
  }

  function restart() {
    scroll.scrollTop = 0;
    rows.clear();
    drawn.clear();
    put(inner);
    forget();
    askForWindow();
  }

  function draw(index) {
    const row = rows.get(index);
    if (row === undefined) return;
    const element = rowElement(row, row.name === selected, search.value === "" && filter === "");
    element.style.top = `${index * rowHeight}px`;
    element.dataset.index = index;
    drawn.get(index)?.remove();
    drawn.set(index, element);
    inner.append(element);
  }

  function select(name) {
    if (name === selected && panel.shown() === name) return;
    selected = name;
    for (const index of rows.keys()) draw(index);
    split.classList.toggle("open", name !== "");
    watch({ actor: name });
    panel.show(name);
  }

  function move(step) {
    const ordered = [...rows].sort(([a], [b]) => a - b);
    const at = ordered.findIndex(([, row]) => row.name === selected);
    const [index, row] = ordered[at < 0 ? 0 : Math.max(0, Math.min(ordered.length - 1, at + step))] ?? [];
    if (row === undefined) return;
    const top = index * rowHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (top + rowHeight > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = top + rowHeight - scroll.clientHeight;
    select(row.name);
    location.hash = `#/tree/${encodeURIComponent(row.name)}`;
  }

  scroll.addEventListener("scroll", () => requestAnimationFrame(askForWindow));
  scroll.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    move(step);
  });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(restart, 120);
  });
  const resized = new ResizeObserver(askForWindow);
  resized.observe(scroll);
  const ends = [
    onFeed("summary", drawTiles),
    onFeed("rows", ({ total: size, changes }) => {
      total = size;
      inner.style.height = `${total * rowHeight}px`;
      counted.textContent = `${total.toLocaleString()} actor${total === 1 ? "" : "s"}`;
      for (const [index, row] of changes) {
        rows.set(index, row);
        draw(index);
      }
      for (const [index, element] of drawn) {
        if (index < total) continue;
        element.remove();
        drawn.delete(index);
        rows.delete(index);
      }
    }),
    onFeed("detail", (detail) => panel.update(detail)),
    onFeed("hello", restart),
    every(1_000, () => {
      for (const index of rows.keys()) draw(index);
    }),
  ];
  drawTiles();
  forget();
  if (opened) select(opened);
  return {
    open: select,
    close() {
      for (const end of ends) end();
      resized.disconnect();
      watch({ count: 0, actor: "" });
    },
  };
}

function rowElement(row, chosen, indented) {
  const at = now();
  const label = row.because === "paused" && row.state === "idle" ? "paused" : row.overdue ? "overdue" : row.state;
  const { last, progress } = row;
  return h(
    "button.row",
    {
      type: "button",
      class: `${row.kind}${chosen ? " sel" : ""}`,
      role: "option",
      tabindex: "-1",
      "aria-selected": String(chosen),
      "data-name": row.name,
      onclick: () => (location.hash = chosen ? "#/tree" : `#/tree/${encodeURIComponent(row.name)}`),
    },
    h(
      "span.name",
      { style: { paddingLeft: indented ? `${row.depth * 16}px` : "0" } },
      row.kind === "supervisor" && h("span.quiet", {}, "▾"),
      h("b", { title: row.name }, row.name),
      h("small", {}, row.schedule ?? row.strategy ?? (row.kind === "task" ? "long-lived" : "")),
    ),
    h("span", { title: row.overdue ?? row.because ?? "" }, pill(label)),
    h(
      "span.num",
      { title: row.next ? stamp(row.next) : "" },
      row.runningSince !== undefined
        ? [h("span.quiet", {}, `for ${span(at - row.runningSince)}`), progress && bar(progress)]
        : row.holder
          ? h("span.quiet", { title: row.holder }, `on ${row.holder}`)
          : row.next && when(row.next, at),
    ),
    h(
      "span.num",
      { title: last?.error ?? "" },
      last && [
        h("span.dot", { class: last.outcome }),
        ` ${when(last.endedAt, at)} `,
        h("span.quiet", {}, `· ${span(last.durationMs)}`),
      ],
    ),
    h(
      "span.num",
      { class: row.lateBy > 1_000 ? "warn-text" : "quiet" },
      row.lateBy === undefined ? "" : span(row.lateBy),
    ),
    h("span.num", { class: row.failures > 0 ? "bad-text" : "quiet" }, row.kind === "task" ? row.failures : ""),
    h("span.num", { class: row.restarts > 0 ? "warn-text" : "quiet" }, row.kind === "task" ? row.restarts : ""),
  );
}
