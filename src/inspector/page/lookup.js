import { h, put, span, stamp, when } from "./dom.js";
import { api, now } from "./feed.js";

/** One task of a queue by its id, or those whose ids begin so: when it is due, who runs it, and why it does not run. */
export function lookupCard(queue) {
  const input = h("input.search", {
    type: "search",
    placeholder: "Id, or how ids begin   ( / )",
    "aria-label": "Look up a task",
    autocomplete: "off",
    spellcheck: "false",
  });
  const answer = h("div.answer", { "aria-live": "polite" });
  const form = h("form.bar", { onsubmit: submit }, input, h("button.primary", { type: "submit" }, "Look up"));
  const element = h("section.card.lookup", {}, h("h2", {}, "Look up a task"), form, answer);
  let open = "";
  let turn = 0;

  const ask = (what, name, value) =>
    api(`queue/${what}?queue=${encodeURIComponent(queue)}&${name}=${encodeURIComponent(value)}`);
  const say = (text) => put(answer, h("div.quiet", {}, text));

  function submit(event) {
    event.preventDefault();
    void look(input.value);
  }

  async function look(id) {
    if (id === "") return;
    const mine = ++turn;
    open = "";
    say("Looking …");
    const one = await ask("task", "id", id);
    if (mine !== turn) return;
    if (one?.task) return showOne(one);
    if (one?.error) return say(one.error);
    const some = await ask("tasks", "prefix", id);
    if (mine !== turn) return;
    if (some === undefined || some.error) return say(some?.error ?? "The inspector did not answer.");
    if (some.tasks.length === 0) return say("No task of this queue has an id that begins so.");
    showMany(some);
  }

  /** Asks again for the task that is shown: it may have been run meanwhile. */
  async function load() {
    const id = open;
    if (id === "") return;
    const one = await ask("task", "id", id);
    if (open !== id || one === undefined || one.error) return;
    if (one.task) showOne(one);
    else {
      open = "";
      say(`"${id}" is done, or was removed.`);
    }
  }

  function showOne({ id, task, owner, why }) {
    open = id;
    const at = now();
    const facts = [
      ["due", when(task.due, at), stamp(task.due)],
      ["repeats", repeats(task)],
      ["attempts", task.attempt],
      ["partition", task.partition, owner === undefined ? "nobody owns it" : `owned by ${owner}`],
    ];
    if (task.retryAt !== undefined) facts.push(["next attempt", when(task.retryAt, at), stamp(task.retryAt)]);
    if (task.node !== undefined) facts.push(["runs on", task.node]);
    put(
      answer,
      h("h3.mono", { "data-found": id }, id),
      h("div.note", { class: why.is, "data-why": why.is }, reason(why, at)),
      h(
        "div.facts",
        {},
        facts.map(([name, value, more]) =>
          h("div", { title: more ?? "" }, h("small", {}, name), h("b.num", {}, value)),
        ),
      ),
      h("small.quiet", {}, "Payload"),
      h("pre", {}, task.payload),
    );
  }

  function showMany({ tasks, more }) {
    const at = now();
    put(
      answer,
      h(
        "ul.found",
        {},
        tasks.map(({ id, due, why }) =>
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", "data-task": id, "data-focus": id, onclick: () => choose(id) },
              h("b.mono", {}, id),
              h("span.quiet", { title: why.text }, why.is === "running" ? "running" : `due ${when(due, at)}`),
            ),
          ),
        ),
      ),
      more && h("div.quiet", {}, `The first ${tasks.length}; there are more.`),
    );
  }

  function choose(id) {
    input.value = id;
    void look(id);
  }

  return { element, load };
}

const reason = ({ text, until }, at) => (until === undefined ? text : `${text}: ${when(until, at)}, ${stamp(until)}`);

function repeats({ every, cron, timeZone }) {
  if (every !== undefined) return `every ${span(every)}`;
  return cron === undefined ? "once" : `${cron}${timeZone === undefined ? "" : ` ${timeZone}`}`;
}
