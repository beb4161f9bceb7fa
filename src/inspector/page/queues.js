import { h, put, stamp } from "./dom.js";
import { api, every, post, state, toast } from "./feed.js";

/** The queues of this process: how much waits, how late it is, what was given up; and one task looked up by its id. */
export function queuesView(main) {
  const box = h("div.cards");
  main.append(box);
  const found = new Map();
  let drawn = "";

  async function look(queue, id) {
    found.set(
      queue,
      id === ""
        ? undefined
        : ((await api(`queue-task?queue=${encodeURIComponent(queue)}&id=${encodeURIComponent(id)}`)) ?? {
            missing: id,
          }),
    );
    drawn = "";
    await load();
  }

  async function retry(queue, id) {
    const result = await post("api/act", { action: "retryDeadLetter", queue, id });
    toast(result.message ?? result.error);
    await load();
  }

  function card(queue) {
    const input = h("input.search", {
      type: "search",
      placeholder: "Look up an id",
      "aria-label": `Look up an id in ${queue.name}`,
    });
    const task = found.get(queue.name);
    const facts = Object.entries(queue.counts ?? {});
    return h(
      "section.card",
      { "data-queue": queue.name },
      h("h2", {}, "Queue"),
      h("h3", {}, queue.name),
      h(
        "div.facts",
        {},
        facts.map(([title, value]) =>
          h("div", {}, h("small", {}, title), h("b.num", {}, Number(value).toLocaleString())),
        ),
      ),
      h(
        "form.bar",
        { onsubmit: (event) => (event.preventDefault(), void look(queue.name, input.value)) },
        input,
        h("button", { type: "submit" }, "Find"),
      ),
      task &&
        (task.missing
          ? h("div.note", {}, `No task has the id ${JSON.stringify(task.missing)}.`)
          : h("pre", {}, JSON.stringify(task, null, 2))),
      queue.deadLetters?.length > 0 && h("h2", {}, "Dead letters"),
      queue.deadLetters?.length > 0 &&
        h(
          "table",
          {},
          queue.deadLetters.map((letter) =>
            h(
              "tr",
              {},
              h("td.mono.text", { title: letter.at ? stamp(letter.at) : "" }, letter.id),
              h("td.text.bad-text", {}, letter.reason ?? ""),
              h(
                "td",
                {},
                state.hello?.allowActions &&
                  h("button", { type: "button", onclick: () => retry(queue.name, letter.id) }, "Retry"),
              ),
            ),
          ),
        ),
    );
  }

  async function load() {
    const data = (await api("queues")) ?? { queues: [] };
    const text = JSON.stringify(data);
    // Drawn anew only when something changed, so that an id can be typed in peace.
    if (text === drawn || box.contains(document.activeElement)) return;
    drawn = text;
    if (data.queues.length === 0) put(box, h("div.empty.card", {}, "This process has no queues."));
    else put(box, data.queues.map(card));
  }

  return { close: every(1_500, load) };
}
