import { h, put } from "./dom.js";

/** How many of the last transitions are traced. */
const traced = 3;
/** A chart is drawn no smaller than this share of its natural size. */
const readable = 0.85;

/** Draws a statechart that the server has laid out; the state it is in is lit, and the last ways it took. */
export function drawChart(box, chart, { state, steps }) {
  if (!chart) return;
  const taken = steps.filter(
    ({ from, to, event }) =>
      from !== to || chart.edges.some((edge) => edge.from === from && edge.to === to && edge.events.includes(event)),
  );
  const places = new Map(chart.states.map((place) => [place.name, place]));
  const svg = h("svg", {
    viewBox: `0 0 ${chart.width} ${chart.height}`,
    width: chart.width,
    height: chart.height,
    // Rather scrolled than too small to be read.
    style: { minWidth: `${Math.round(chart.width * readable)}px` },
    role: "img",
    "aria-label": `statechart of ${chart.id}, now ${state}`,
  });
  for (const edge of chart.edges) {
    const recent = taken.slice(0, traced).findIndex(({ from, to }) => from === edge.from && to === edge.to);
    const current = recent < 0 ? undefined : taken[recent].event;
    const trail = recent < 0 ? "" : recent === 0 ? "trail fresh" : "trail";
    const { points } = edge;
    const tip = points[points.length - 1];
    const before = points[points.length - 2] ?? tip;
    const angle = (Math.atan2(tip.y - before.y, tip.x - before.x) * 180) / Math.PI;
    svg.append(
      h(
        "g",
        { class: trail, "data-edge": `${edge.from}>${edge.to}` },
        h("path.edge", { d: curve(points) }),
        h("polygon.head", { points: "0,0 -8,-4 -8,4", transform: `translate(${tip.x} ${tip.y}) rotate(${angle})` }),
        edge.labels.map((label, index) =>
          h(
            "text",
            {
              class: "label",
              x: edge.x,
              y: edge.y + (index - (edge.labels.length - 1) / 2) * 13 + 3,
              opacity: current !== undefined && !label.startsWith(current) ? 0.45 : 1,
            },
            label,
          ),
        ),
      ),
    );
  }
  for (const { name, x, y, width, height, notes } of places.values()) {
    const shape = { x: x - width / 2, y: y - height / 2, width, height, rx: 10 };
    svg.append(
      h(
        "g",
        { class: name === state ? "on" : "", "data-state": name },
        h("rect.glow", shape),
        h("rect.state", shape),
        name === chart.initial && h("path.edge", { d: `M ${shape.x - 13} ${y - height / 2 + 8} h 10`, opacity: 1 }),
        h("text", { x, y: y - height / 2 + 21, "font-weight": name === state ? 700 : 560 }, name),
        notes.map((note, index) => h("text", { class: "entry", x, y: y - height / 2 + 36 + index * 13 }, note)),
      ),
    );
  }
  const isFirst = box.childElementCount === 0;
  const { scrollLeft } = box;
  put(box, svg);
  box.scrollLeft = isFirst ? leftOf(box, svg, state) : scrollLeft;
}

/** What brings the state to the middle, where not all of the chart fits. */
function leftOf(box, svg, state) {
  const lit = svg.querySelector(`[data-state="${CSS.escape(state)}"]`)?.getBoundingClientRect();
  if (lit === undefined) return 0;
  return lit.left + lit.width / 2 - svg.getBoundingClientRect().left - box.clientWidth / 2;
}

function curve(points) {
  const [first, ...rest] = points;
  let path = `M ${first.x} ${first.y}`;
  for (let index = 0; index < rest.length - 1; index++) {
    const [at, next] = [rest[index], rest[index + 1]];
    path += ` Q ${at.x} ${at.y} ${(at.x + next.x) / 2} ${(at.y + next.y) / 2}`;
  }
  const last = rest[rest.length - 1];
  return `${path} L ${last.x} ${last.y}`;
}
