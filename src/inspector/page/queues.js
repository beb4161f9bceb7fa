import { h, put, span } from "./dom.js";
import { api, every, onFeed, watch } from "./feed.js";
import { lettersCard } from "./letters.js";
import { lookupCard } from "./lookup.js";
import { partitionGrid, shares, swatch, unowned } from "./partitions.js";

const number = (value) => (value === undefined ? "–" : Math.round(value).toLocaleString());
const rate = (value) => (value >= 100 ? number(value) : value.toFixed(value >= 10 ? 0 : 1));

/** The queues that are open in this process: how deep, how fast, how late, who owns what, and what was given up. */
export function queuesView(main, opened) {
  const tabs = h("nav.bar.queues", { "aria-label": "Queues" });
  const box = h("div.queue");
  main.append(tabs, box);
  let wanted = opened;
  let numbers = [];
  let shown;

  function choose() {
    const name = numbers.some((queue) => queue.name === wanted) ? wanted : numbers[0]?.name;
    put(
      tabs,
      numbers.map((queue) =>
        h(
          "a.tab",
          {
            href: `#/queues/${encodeURIComponent(queue.name)}`,
            "aria-current": queue.name === name && "true",
            "data-queue": queue.name,
          },
          queue.name,
          queue.stats && h("span.quiet.num", {}, number(queue.stats.waiting + queue.stats.due)),
        ),
      ),
    );
    tabs.hidden = numbers.length < 2;
    if (shown?.name !== name) {
      shown?.close();
      shown = name === undefined ? undefined : oneQueue(box, name);
    }
    if (name === undefined) put(box, h("div.empty", {}, "No queue is open in this process."));
    shown?.tell(numbers.find((queue) => queue.name === name));
  }

  const ends = [
    onFeed("queues", (told) => {
      numbers = told;
      choose();
    }),
  ];
  watch({ queues: true });
  return {
    open(name) {
      // Without a name: the one that was shown stays.
      if (name !== "") wanted = name;
      choose();
    },
    close() {
      for (const end of ends) end();
      shown?.close();
      watch({ queues: false });
    },
  };
}

function oneQueue(box, name) {
  const head = h("header.bar");
  const tiles = h("div.tiles");
  const grid = partitionGrid(name);
  const owned = h("span.quiet.num");
  const workers = h("div.wide-table");
  const lookup = lookupCard(name);
  const letters = lettersCard(name);
  const partitions = h("section.card.owners", {}, h("h2", {}, "Partitions", owned), grid.element, workers);
  put(box, head, tiles, h("div.pair", {}, partitions, lookup.element), letters.element);
  let told;
  let owners;
  let pointed;
  let drawn = "";

  /** Of all processes, as they told at the last renewal of their leases; of this one, as it is now. */
  function total(key) {
    const { stats } = told;
    if (owners === undefined) return stats?.[key];
    const live = owners.nodes.filter(({ silent }) => silent !== true);
    if (live.length === 0) return stats?.[key];
    return live.reduce((sum, node) => sum + (node.self && stats ? stats[key] : (node[key] ?? 0)), 0);
  }

  function draw() {
    if (told === undefined) return;
    const { stats, accepting, executing, rates } = told;
    put(
      head,
      h("h1", {}, name),
      h("span.pill", { class: executing ? "running" : "" }, executing ? "executing here" : "assigns only"),
      !accepting && h("span.pill", { class: "paused" }, "not accepting"),
      stats?.loading > 0 && h("span.pill", { class: "restarting" }, `loading ${stats.loading} partitions`),
      h("a.chip", { href: `#/tree/${encodeURIComponent(`queue:${name}`)}`, "data-focus": "actors" }, "its actors"),
    );
    const tile = (key, value, text, ...more) =>
      h("div.tile", { "data-tile": key, class: more[0] }, h("b", {}, value), h("span", {}, text), more.slice(1));
    const { lateness } = stats ?? {};
    const of = stats && owners?.nodes.length === 1 ? `running of ${number(stats.concurrency)}` : "running";
    put(
      tiles,
      tile("waiting", number(total("waiting")), "waiting for their time"),
      tile("due", number(total("due")), "due", total("due") > 0 ? "warn" : ""),
      tile("running", number(total("running")), of, "run"),
      tile("rate", rate(total("rate") ?? 0), "runs a second", "", sparkline(rates)),
      tile("failed", number(stats?.failed), "failed here", stats?.failed > 0 ? "bad" : ""),
      tile("deadLetters", number(stats?.deadLetters), "given up here", stats?.deadLetters > 0 ? "bad" : ""),
      h(
        "div.tile.late",
        { "data-tile": "lateness", title: "From the due time to the start, over the last runs here" },
        h("span", {}, "late here"),
        [
          ["half", "p50"],
          ["95 %", "p95"],
          ["99 %", "p99"],
          ["most", "max"],
        ].map(([text, key]) => h("div", {}, h("span", {}, text), h("b", {}, lateness ? span(lateness[key]) : "–"))),
      ),
    );
  }

  function drawWorkers() {
    const counts = shares(owners);
    const free = unowned(owners);
    put(
      owned,
      `${owners.cells.length.toLocaleString()}${free > 0 ? `, ${free.toLocaleString()} without an owner` : ""}`,
    );
    owned.className = free > 0 ? "num bad-text" : "quiet num";
    grid.update(owners);
    const text = JSON.stringify([owners.nodes, counts, pointed, told?.stats?.running]);
    if (text === drawn) return;
    drawn = text;
    put(
      workers,
      owners.nodes.length === 0
        ? h("div.quiet", {}, "No process executes this queue.")
        : h(
            "table",
            {},
            h(
              "tr",
              {},
              ["Worker", "Partitions", "Waiting", "Due", "Running", "Runs / s"].map((title) => h("th", {}, title)),
            ),
            owners.nodes.map((node, place) => worker(node, counts[place])),
          ),
    );
    grid.point(pointed);
  }

  function worker(node, count) {
    const { id, self, silent, host, pid } = node;
    const numbers = self && told?.stats ? told.stats : node;
    return h(
      "tr",
      { "data-worker": id },
      h(
        "td.text",
        {},
        h(
          "button.owner",
          {
            type: "button",
            "data-focus": id,
            "aria-pressed": String(pointed === id),
            title: host === undefined ? "Show its partitions" : `${host}, pid ${pid}: show its partitions`,
            onclick: () => {
              pointed = pointed === id ? undefined : id;
              drawWorkers();
            },
          },
          swatch(id),
          h("span.mono", {}, id),
        ),
        self && h("span.quiet", {}, " this process"),
        silent && h("span.pill", { class: "failed" }, "silent"),
      ),
      h("td.num", {}, number(count)),
      ["waiting", "due", "running"].map((key) => h("td.num", {}, number(numbers[key]))),
      h("td.num", {}, numbers.rate === undefined ? "–" : rate(numbers.rate)),
    );
  }

  const ends = [
    every(1_000, async () => {
      const data = await api(`queue?queue=${encodeURIComponent(name)}`);
      if (data === undefined || data.error) return;
      owners = data;
      drawWorkers();
      draw();
    }),
    every(2_000, lookup.load),
    every(4_000, letters.load),
  ];
  return {
    name,
    tell(next) {
      told = next;
      draw();
    },
    close() {
      for (const end of ends) end();
      put(box);
    },
  };
}

/** The rate of the last five minutes. */
function sparkline(values) {
  if (values.length < 2) return undefined;
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => [(index / (values.length - 1)) * 100, 26 - (value / most) * 24]);
  const line = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join(" L ");
  return h(
    "svg.spark",
    { viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("path.under", { d: `M 0 28 L ${line} L 100 28 Z` }),
    h("path.line", { d: `M ${line}`, "vector-effect": "non-scaling-stroke" }),
  );
}
