import { h, put } from "./dom.js";

const hues = 8;

/** A colour for each owner, the same as long as the page is open. */
const colours = new Map();
function colourOf(owner) {
  if (!colours.has(owner)) colours.set(owner, `own-${colours.size % hues}`);
  return colours.get(owner);
}
export const swatch = (owner) => h("span.swatch", { class: colourOf(owner), "aria-hidden": "true" });

/** How many partitions each of the nodes owns, in their order. */
export function shares({ nodes, cells }) {
  const counts = nodes.map(() => 0);
  for (const [place] of cells) if (place >= 0) counts[place] += 1;
  return counts;
}

/** How many nobody owns. */
export const unowned = ({ cells }) => cells.filter(([place]) => place < 0).length;

/** A square for each partition, coloured by who owns it; only squares that have changed are touched. */
export function partitionGrid(label) {
  const squares = h("div.grid", { role: "img" });
  squares.addEventListener("animationend", ({ target }) => target.classList.remove("arrived"));
  let drawn = [];

  function draw(index, [place, state], nodes) {
    const owner = nodes[place]?.id;
    const text = `${owner ?? "nobody"}|${state ?? ""}`;
    const before = drawn[index];
    if (before?.text === text) return;
    const element = before?.element ?? squares.appendChild(h("i"));
    const moved = before !== undefined && before.owner !== owner && owner !== undefined;
    element.className = [owner === undefined ? "nobody" : colourOf(owner), state === "loading" && "loading"]
      .concat(moved && "arrived")
      .filter(Boolean)
      .join(" ");
    element.dataset.partition = index;
    element.dataset.owner = owner ?? "";
    element.title = `partition ${index}: ${owner ?? "nobody"}${state === undefined ? "" : `, ${state}`}`;
    drawn[index] = { element, owner, text };
  }

  return {
    element: squares,
    update({ nodes, cells }) {
      if (drawn.length !== cells.length) {
        drawn = [];
        put(squares);
        squares.classList.toggle("fine", cells.length > 256);
      }
      cells.forEach((cell, index) => draw(index, cell, nodes));
      const owned = shares({ nodes, cells });
      const told = nodes.map(({ id }, place) => `${id} owns ${owned[place]}`);
      squares.setAttribute(
        "aria-label",
        [`${cells.length} partitions of ${label}`, ...told, `${unowned({ cells })} free`].join(", "),
      );
    },
    /** Dims what somebody else owns; undefined: nothing. */
    point(owner) {
      squares.classList.toggle("pointing", owner !== undefined);
      for (const { element, owner: own } of drawn) element.classList.toggle("pointed", own === owner);
    },
  };
}
