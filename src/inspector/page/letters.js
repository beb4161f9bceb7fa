import { h, put, stamp, when } from "./dom.js";
import { api, now, post, state, toast } from "./feed.js";

const heads = ["Task", "Reason", "Error", "Attempts", "When", ""];

/** The dead letters of a queue: what was given up, and why; they are retried and removed here where that is allowed. */
export function lettersCard(queue) {
  const body = h("div.wide-table");
  const title = h("h2", {}, "Dead letters");
  const element = h("section.card.letters", { "aria-label": "Dead letters" }, title, body);
  let shown = "";
  let asked = 0;

  async function act(action, { key, id }) {
    if (action === "removeDeadLetter" && !confirm(`Remove the dead letter of "${id ?? key}" for good?`)) return;
    const result = await post("api/act", { action, queue, key });
    toast(result.message ?? result.error);
    await load();
  }

  const button = (action, text, letter) =>
    h(
      "button",
      {
        type: "button",
        "data-action": action,
        "data-focus": `${action} ${letter.key}`,
        "aria-label": `${text} ${letter.id ?? letter.key}`,
        onclick: () => act(action, letter),
      },
      text,
    );

  function row(letter) {
    const { key, id, reason, error, code, attempts, at, node, payload, published } = letter;
    const named = h("details", {}, h("summary", { "data-focus": key }, id ?? "(no id)"), h("pre", {}, payload));
    return h(
      "tr",
      { "data-letter": key },
      h("td.text", {}, named, published && h("span.quiet", {}, `published, to ${published}`)),
      h("td", {}, h("span.pill", { class: "failed" }, reason)),
      h("td.text", {}, error, code && h("div.mono.quiet", {}, code)),
      h("td.num", {}, attempts),
      h("td.num", { title: `${stamp(at)}, ${node}` }, when(at, now())),
      h(
        "td.acts",
        {},
        state.hello?.allowActions && [
          id !== undefined && button("retryDeadLetter", "Retry", letter),
          button("removeDeadLetter", "Remove", letter),
        ],
      ),
    );
  }

  function draw({ letters, count, more, error }) {
    if (error !== undefined) {
      put(body, h("div.note.bad", {}, error));
      return;
    }
    const all = `${count.toLocaleString()}${more ? " and more" : ""}`;
    put(title, "Dead letters", h("span.count", { class: count > 0 ? "bad-text" : "quiet" }, all));
    const open = new Set([...body.querySelectorAll("details[open]")].map((each) => each.closest("tr").dataset.letter));
    put(
      body,
      letters.length === 0
        ? h("div.quiet", {}, "Nothing was given up.")
        : h(
            "table",
            {},
            h(
              "tr",
              {},
              heads.map((text) => h("th", {}, text)),
            ),
            letters.map(row),
          ),
      count > letters.length &&
        h("div.quiet", {}, `The newest ${letters.length} of ${more ? "the first " : ""}${all}.`),
    );
    for (const each of body.querySelectorAll("[data-letter]")) {
      if (open.has(each.dataset.letter)) each.querySelector("details").open = true;
    }
  }

  async function load() {
    const turn = ++asked;
    const data = await api(`queue/letters?queue=${encodeURIComponent(queue)}`);
    // A slow answer to an earlier question is no news.
    if (data === undefined || turn !== asked) return;
    const text = JSON.stringify([data, Math.floor(now() / 10_000)]);
    if (text === shown) return;
    shown = text;
    draw(data);
  }

  return { element, load };
}
