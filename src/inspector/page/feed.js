const token = document.querySelector('meta[name="ostinato-token"]').content;
const listeners = new Map();

/** What the whole page knows: the greeting, the last summary, and how far the server's clock is ahead of ours. */
export const state = { hello: undefined, summary: undefined, ahead: 0 };
export const now = () => Date.now() + state.ahead;

/** Calls `listener` for each message of this type; returns the function that ends it. */
export function onFeed(type, listener) {
  const all = listeners.get(type) ?? new Set();
  listeners.set(type, all);
  all.add(listener);
  return () => all.delete(listener);
}

const tell = (type, data) => {
  for (const listener of listeners.get(type) ?? []) listener(data);
};

let wanted = { query: "", filter: "", from: 0, count: 0, fresh: 0, actor: "", queues: false };
let asked = "";

/** After a refusal (too many pages are open) the browser does not try again, so that we do. */
const retryMs = 5_000;

/** Connects, and stays connected: the browser tries again by itself, and we ask for the same things again. */
export function feed() {
  const source = new EventSource("api/feed");
  for (const type of ["hello", "summary", "rows", "detail", "queues"]) {
    source.addEventListener(type, (event) => {
      const data = JSON.parse(event.data);
      if (type === "hello") {
        state.hello = data;
        state.ahead = data.now - Date.now();
        asked = "";
      }
      if (type === "summary") state.summary = data;
      tell(type, data);
      if (type === "hello") watch({});
    });
  }
  source.addEventListener("error", () => {
    tell("lost");
    if (source.readyState === EventSource.CLOSED) setTimeout(feed, retryMs);
  });
}

/** All rows are to be sent again. */
export const forget = () => watch({ fresh: wanted.fresh + 1 });

/** Says what is on the screen now. */
export function watch(change) {
  wanted = { ...wanted, ...change };
  const text = JSON.stringify(wanted);
  if (state.hello === undefined || text === asked) return;
  asked = text;
  void post(`api/feed/${state.hello.id}`, wanted);
}

export async function api(path) {
  const response = await fetch(`api/${path}`);
  return response.ok ? response.json() : undefined;
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-ostinato-token": token },
    body: JSON.stringify(body),
  });
  return response.json();
}

let hide;
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.classList.add("on");
  clearTimeout(hide);
  hide = setTimeout(() => box.classList.remove("on"), 3_500);
}

/** Calls at once and then every `ms` while the page is visible; returns the function that ends it. */
export function every(ms, act) {
  const run = () => {
    if (!document.hidden) void act();
  };
  run();
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}
