import { clock, h, put, span } from "./dom.js";
import { api, every } from "./feed.js";
import { partitionGrid, shares, swatch, unowned } from "./partitions.js";

/** The live nodes, and what each of them runs at this moment. */
export function clusterView(main) {
  const box = h("div.cards");
  main.append(box);
  const owner = new Map();
  const grids = new Map();

  /** Who holds the partitions of a queue. */
  function queueCard(held) {
    const { queue, nodes, cells } = held;
    if (!grids.has(queue)) grids.set(queue, partitionGrid(queue));
    const grid = grids.get(queue);
    grid.update(held);
    const counts = shares(held);
    const free = unowned(held);
    return h(
      "section.card",
      { "data-partitions": queue },
      h("h2", {}, "Queue"),
      h(
        "h3.mono",
        {},
        h("a", { href: `#/queues/${encodeURIComponent(queue)}`, "data-focus": `queue ${queue}` }, queue),
      ),
      grid.element,
      nodes.map(({ id, silent }, place) =>
        h(
          "div.holder",
          { "data-holder": id },
          swatch(id),
          h("span.mono", {}, id),
          h("span.num.quiet", {}, `${counts[place].toLocaleString()} of ${cells.length.toLocaleString()}`),
          silent && h("span.pill", { class: "failed" }, "silent"),
        ),
      ),
      free > 0 && h("div.bad-text", {}, `${free.toLocaleString()} without an owner`),
    );
  }

  function draw({ now, nodes, store, queues, warnings }) {
    put(
      box,
      h(
        "section.card",
        {},
        h("h2", {}, "Store"),
        h("h3.mono", {}, store.description),
        h(
          "div.chips",
          {},
          h("span.dot", { class: store.up ? "succeeded" : "failed", style: { alignSelf: "center" } }),
          h("span.quiet", {}, store.up ? "reachable" : "cannot be reached"),
        ),
        h(
          "div.quiet.num",
          {},
          store.latencyMs === null ? "no answer just now" : `a read takes ${store.latencyMs.toFixed(1)} ms`,
        ),
        h("div.quiet", {}, store.shared ? "shared by all nodes" : "of this process alone"),
      ),
      nodes.map((node) =>
        h(
          "section.card",
          { "data-node": node.id },
          h("h2", {}, node.self ? "This node" : "Node"),
          h("h3.mono", {}, node.id),
          h(
            "div.quiet",
            {},
            `${node.host}, pid ${node.pid}, ostinato ${node.version}, up ${span(now - node.startedAt)}`,
          ),
          h(
            "div.chips",
            {},
            node.holds.map((name) => {
              const moved = owner.has(name) && owner.get(name) !== node.id;
              owner.set(name, node.id);
              return h(
                "a.chip",
                {
                  class: moved ? "arrived" : "",
                  href: `#/tree/${encodeURIComponent(name)}`,
                  "data-focus": `task ${name}`,
                },
                name,
              );
            }),
            node.holds.length === 0 && h("span.quiet", {}, "runs nothing exclusive right now"),
            node.holdsTotal > node.holds.length &&
              h("span.quiet", {}, `and ${node.holdsTotal - node.holds.length} more`),
          ),
        ),
      ),
      queues.map(queueCard),
      warnings.length > 0 &&
        h(
          "section.card",
          {},
          h("h2", {}, "Warnings"),
          h(
            "table",
            {},
            warnings
              .slice(0, 12)
              .map(({ at, task, message }) =>
                h("tr", {}, h("td.num.quiet", {}, clock(at)), h("td", {}, task), h("td.text", {}, message)),
              ),
          ),
        ),
    );
  }

  return {
    close: every(1_000, async () => {
      const data = await api("cluster");
      if (data) draw(data);
    }),
  };
}
