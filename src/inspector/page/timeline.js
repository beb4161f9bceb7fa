import { h, put, span, stamp } from "./dom.js";
import { api, every } from "./feed.js";

const minute = 60_000;
const spans = [
  ["10 min", 10 * minute],
  ["1 hour", 60 * minute],
  ["6 hours", 360 * minute],
  ["24 hours", 1_440 * minute],
  ["2 days", 2_880 * minute],
  ["7 days", 10_080 * minute],
];
const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440].map((each) => each * minute);
const width = 1_000;

/** Marks that are closer than this would run together: they are drawn as one band. */
const touching = 4;

/** A mark for each tick that is to come; a band where there is one after another. */
function coming({ upcoming, goesOn }, at) {
  const bands = [];
  for (const time of upcoming) {
    const x = at(time);
    const last = bands.at(-1);
    if (last !== undefined && x - last.to < touching) last.to = x;
    else bands.push({ from: x, to: x, time });
  }
  if (goesOn && bands.length > 0) bands.at(-1).to = width;
  return bands
    .filter(({ from, to }) => to >= 0 && from <= width)
    .map(({ from, to, time }) => {
      const title = h("title", {}, `next: ${stamp(time)}`);
      if (from === to) {
        return h("path.ahead", { d: `M ${from} 9 v 14`, "vector-effect": "non-scaling-stroke" }, title);
      }
      const x = Math.max(0, from);
      return h("rect.band", { x, y: 11, width: Math.min(width, to) - x, height: 10 }, title);
    });
}

/** A lane for each task: its last runs left of now, what will run right of it. */
export function timelineView(main) {
  let length = spans[1][1];
  // Where the window begins, as a share of it left of now.
  let past = 0.5;
  let data;
  const search = h("input.search", { type: "search", placeholder: "Search by name   ( / )", "aria-label": "Search" });
  const zoom = h("div.bar", { role: "group", "aria-label": "Zoom" });
  const counted = h("span.quiet.num");
  const lanes = h("div.lanes.card", { tabindex: "0", "aria-label": "Timeline" });
  main.append(h("div.bar", {}, search, zoom, counted), lanes);

  function drawZoom() {
    put(
      zoom,
      spans.map(([text, value]) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(value === length), onclick: () => set(value, past) },
          text,
        ),
      ),
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(past === 0.02 && length === 1_440 * minute),
          onclick: () => set(1_440 * minute, 0.02),
        },
        "Next 24 h",
      ),
    );
  }

  function set(next, share) {
    length = Math.max(minute, Math.min(14 * 1_440 * minute, next));
    past = share === 0.02 && next !== 1_440 * minute ? 0.5 : Math.max(-3, Math.min(3, share));
    drawZoom();
    draw();
  }

  function draw() {
    if (data === undefined) return;
    const { now } = data;
    const start = now - length * past;
    const at = (time) => ((time - start) / length) * width;
    const step = steps.find((each) => length / each <= 12) ?? 1_440 * minute;
    const marks = [];
    for (let time = Math.ceil(start / step) * step; time < start + length; time += step) {
      const text = new Date(time).toLocaleString(
        [],
        step >= 1_440 * minute
          ? { weekday: "short", day: "numeric" }
          : { hour: "2-digit", minute: "2-digit", hour12: false },
      );
      marks.push({ x: at(time), text });
    }
    const box = { viewBox: `0 0 ${width} 32`, preserveAspectRatio: "none" };
    const axis = h("svg", {});
    for (const { x, text } of marks) axis.append(h("text", { x: `${x / 10}%`, y: 20, "text-anchor": "middle" }, text));
    put(
      lanes,
      h("div.axis", {}, h("div.who", {}, `${span(length)}`), axis),
      data.lanes.map((lane) => {
        const svg = h("svg", box);
        svg.append(h("rect.future", { x: at(now), y: 0, width: Math.max(0, width - at(now)), height: 32 }));
        svg.append(...coming(lane, at));
        for (const run of lane.runs) {
          const end = run.end ?? now;
          if (end < start || run.start > start + length) continue;
          const x = Math.max(0, at(run.start));
          const wide = Math.max(3, Math.min(width, at(end)) - x);
          const told = `${run.outcome}, attempt ${run.attempt}\n${stamp(run.start)}, ${span(end - run.start)}\n${run.node}${run.error ? `\n${run.error}` : ""}`;
          svg.append(
            h(
              "rect",
              { class: run.outcome, "data-run": run.runId, x, y: 7, width: wide, height: 18 },
              h("title", {}, told),
            ),
          );
        }
        svg.append(h("line.now", { x1: at(now), x2: at(now), y1: 0, y2: 32, "vector-effect": "non-scaling-stroke" }));
        const href = `#/tree/${encodeURIComponent(lane.name)}`;
        return h(
          "div.lane",
          { "data-lane": lane.name },
          h(
            "a.who",
            { href, title: lane.schedule ?? "" },
            h("span.dot", { class: lane.state }),
            h("span", {}, lane.name),
          ),
          svg,
        );
      }),
      data.lanes.length === 0 && h("div.empty", {}, "No task of that name."),
    );
    counted.textContent =
      data.total > data.lanes.length
        ? `${data.lanes.length} of ${data.total.toLocaleString()} tasks: search for the others`
        : "";
  }

  async function load() {
    data = (await api(`timeline?count=80&q=${encodeURIComponent(search.value)}`)) ?? data;
    draw();
  }

  lanes.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      if (event.ctrlKey) set(length * (event.deltaY > 0 ? 1.25 : 0.8), past);
      else set(length, past - event.deltaY / 1_500);
    },
    { passive: false },
  );
  lanes.addEventListener("keydown", (event) => {
    if (event.key === "+") set(length / 2, past);
    else if (event.key === "-") set(length * 2, past);
    else if (event.key === "ArrowLeft") set(length, past + 0.1);
    else if (event.key === "ArrowRight") set(length, past - 0.1);
  });
  search.addEventListener("input", () => void load());
  drawZoom();
  return { close: every(2_000, load) };
}
