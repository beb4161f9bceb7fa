// Text only ever becomes text: nothing that came from the server is read as markup.
const svgNames = new Set(["svg", "g", "path", "rect", "text", "line", "tspan", "polygon", "title"]);

/** Makes an element: h("div.card", { onclick }, "text", child, …). */
export function h(selector, props, ...children) {
  const [tag, ...classes] = selector.split(".");
  const drawn = svgNames.has(tag);
  const element = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (classes.length > 0) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", [...classes, value].filter(Boolean).join(" "));
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  fill(element, children);
  return element;
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts these children in place of all there were. What had the focus, and is there again (`data-focus`), keeps it. */
export function put(element, ...children) {
  const { activeElement } = document;
  const focused = element.contains(activeElement) ? activeElement.dataset.focus : undefined;
  element.replaceChildren();
  fill(element, children);
  if (focused === undefined) return;
  const again = [...element.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === focused);
  again?.focus({ preventScroll: true });
}

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** "1h 5m", "3.2s", "12ms". */
export function span(ms) {
  if (!Number.isFinite(ms)) return "";
  const size = Math.abs(ms);
  if (size < 1_000) return `${Math.round(size)}ms`;
  if (size < 60_000) return `${(size / 1_000).toFixed(size < 10_000 ? 1 : 0)}s`;
  const index = units.findIndex(([length]) => size >= length);
  const [length, name] = units[index];
  const whole = Math.floor(size / length);
  const [below, belowName] = units[index + 1];
  const rest = Math.floor((size - whole * length) / below);
  return rest === 0 ? `${whole}${name}` : `${whole}${name} ${rest}${belowName}`;
}

/** "in 5m", "3s ago". */
export function when(at, now) {
  if (!Number.isFinite(at)) return "";
  if (Math.abs(at - now) < 1_000) return "now";
  return at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`;
}

export const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });
export const stamp = (at) =>
  new Date(at).toLocaleString([], { hour12: false, dateStyle: "short", timeStyle: "medium" });
export const pill = (text) => h("span.pill", { class: text }, text);

/** How far a run is; without a total, that it goes on. */
export function bar({ done, total }) {
  const share = total ? Math.min(100, (done / total) * 100) : 30;
  return h(
    "div.progress",
    { role: "progressbar", "aria-valuenow": Math.round(share) },
    h("i", { style: { width: `${share}%` } }),
  );
}
