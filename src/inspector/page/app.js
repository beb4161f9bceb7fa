import { h, put } from "./dom.js";
import { feed, onFeed } from "./feed.js";
import { treeView } from "./tree.js";
import { timelineView } from "./timeline.js";
import { queuesView } from "./queues.js";
import { clusterView } from "./cluster.js";

const views = { tree: treeView, timeline: timelineView, queues: queuesView, cluster: clusterView };
const main = document.getElementById("main");
const live = document.getElementById("live");
let shown;

/** "#/tree/<task>": the view, and what is open in it. */
function read() {
  const [, name = "tree", open = ""] = location.hash.split("/");
  return { name: views[name] ? name : "tree", open: decodeURIComponent(open) };
}

function route() {
  const { name, open } = read();
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown?.name === name && shown.view.open) shown.view.open(open);
  else {
    shown?.view.close?.();
    put(main);
    shown = { name, view: views[name](main, open) };
  }
}

function theme(next) {
  const dark =
    next ?? localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark;
  if (next) localStorage.setItem("theme", next);
}
const flip = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
theme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme());
document.getElementById("theme").addEventListener("click", flip);

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const tab = Object.keys(views)[Number(event.key) - 1];
  if (tab) location.hash = `#/${tab}`;
  else if (event.key === "d") flip();
  else if (event.key === "/") {
    document.querySelector(".search")?.focus();
    event.preventDefault();
  }
});

onFeed("hello", ({ node, store }) => {
  live.classList.add("on");
  live.textContent = "live";
  put(document.getElementById("node"), h("span", { title: store }, node));
  document.title = `ostinato · ${node}`;
});
onFeed("lost", () => {
  live.classList.remove("on");
  live.textContent = "reconnecting";
});
window.addEventListener("hashchange", route);
feed();
route();
