import { bar, h, pill, put, span, stamp, when, clock } from "./dom.js";
import { drawChart } from "./chart.js";
import { api, now, post, state, toast } from "./feed.js";

const actions = [
  ["trigger", "Run now"],
  ["pause", "Pause"],
  ["resume", "Resume"],
  ["restart", "Restart"],
  ["stop", "Stop"],
];

/** Everything about one actor, beside the tree. */
export function detailPanel(parent, onClose) {
  const box = h("aside.detail.card", { "aria-label": "Details" });
  const head = h("header");
  const facts = h("div.facts");
  const alerts = h("section");
  const chartBox = h("div.chart");
  const running = h("section");
  const why = h("section");
  const runs = h("section");
  const steps = h("section");
  const context = h("section");
  box.append(
    head,
    alerts,
    facts,
    running,
    h("section", {}, h("h2", {}, "Statechart"), chartBox),
    why,
    runs,
    steps,
    context,
  );
  let name = "";
  let chart;
  let latest;
  let openRun = "";
  let openLog;

  async function loadChart(actor) {
    chart = await api(`chart?actor=${encodeURIComponent(actor)}`);
    if (latest) drawChart(chartBox, chart, latest);
  }

  async function act(action) {
    if (action === "stop" && !confirm(`Stop "${name}" for good?`)) return;
    const result = await post("api/act", { action, task: name });
    toast(result.message ?? result.error);
  }

  async function showRun(runId) {
    openRun = openRun === runId ? "" : runId;
    openLog = openRun === "" ? undefined : ((await api(`log?run=${encodeURIComponent(runId)}`)) ?? { lines: [] });
    if (latest) drawRuns(latest);
  }

  function drawHead({ kind, state: current, status }) {
    const label = status?.paused ? "paused" : current;
    put(
      head,
      h("h1", {}, name),
      pill(label),
      h("button.icon.close", { type: "button", "aria-label": "Close", onclick: onClose }, "×"),
    );
    if (kind === "task" && state.hello?.allowActions) {
      const fitting = actions.filter(([action]) => (status.paused ? action !== "pause" : action !== "resume"));
      head.append(
        h(
          "div.bar",
          { style: { width: "100%" } },
          fitting.map(([action, text]) =>
            h(
              "button",
              {
                type: "button",
                class: action === "trigger" ? "primary" : "",
                "data-action": action,
                "data-focus": action,
                onclick: () => act(action),
              },
              text,
            ),
          ),
        ),
      );
    }
  }

  function drawFacts({ status, context: inner, restarts }) {
    const at = now();
    const items = status
      ? [
          ["schedule", status.schedule ?? "long-lived"],
          [
            "next run",
            status.nextRun && !status.running && !status.paused ? when(Date.parse(status.nextRun), at) : "–",
            status.nextRun && stamp(status.nextRun),
          ],
          ["last success", status.lastSuccess ? when(Date.parse(status.lastSuccess), at) : "–"],
          ["failures in a row", status.failures],
          ["restarts", restarts],
          ["held by", status.holder ?? "nobody"],
        ]
      : [
          ["strategy", inner?.strategy ?? ""],
          ["restarts", inner?.restarts ?? 0],
        ];
    put(
      facts,
      items.map(([title, value, more]) =>
        h(
          "div",
          { title: more ?? "", class: title === "schedule" ? "wide" : "" },
          h("small", {}, title),
          h("b.num", {}, value),
        ),
      ),
    );
  }

  function drawAlerts({ status }) {
    put(
      alerts,
      status?.overdue &&
        h("div.note.bad", {}, `Overdue since ${stamp(status.overdue.since)}: ${status.overdue.reason}`),
      status?.state === "backoff" &&
        h(
          "div.note",
          { class: "backoff-note" },
          `Attempt ${status.attempt} failed${status.lastError ? `: ${status.lastError}` : ""}. `,
          status.nextRun ? `Next attempt ${when(Date.parse(status.nextRun), now())}.` : "",
        ),
    );
    alerts.hidden = alerts.childElementCount === 0;
  }

  function drawRunning({ running: run }) {
    running.hidden = !run;
    if (!run) return;
    put(
      running,
      h("h2", {}, `Running for ${span(now() - Date.parse(run.startedAt))}`),
      run.progress && [
        bar(run.progress),
        h(
          "div.quiet.num",
          {},
          `${run.progress.done}${run.progress.total ? ` of ${run.progress.total}` : ""} ${run.progress.note ?? ""}`,
        ),
      ],
      logLines(run.log, { start: Date.parse(run.startedAt), runId: run.runId }),
    );
  }

  function drawWhy({ status }) {
    why.hidden = !status;
    if (!status) return;
    put(
      why,
      h("h2", {}, "Why it ran, or did not"),
      h(
        "table.why",
        {},
        status.decisions.map(({ at, reason, times, decision }) =>
          h(
            "tr",
            {},
            h("td.num.quiet", { title: stamp(at) }, clock(at)),
            h("td.text", { "data-decision": decision }, reason, times > 1 && h("span.quiet", {}, ` × ${times}`)),
          ),
        ),
      ),
      status.decisions.length === 0 && h("div.quiet", {}, "Nothing has been decided yet."),
    );
  }

  function drawRuns({ status }) {
    runs.hidden = !status;
    if (!status) return;
    const table = h(
      "table.runs",
      {},
      h(
        "tr",
        {},
        ["Outcome", "Started", "Took", "Attempt", "Node"].map((text) => h("th", {}, text)),
      ),
    );
    for (const run of status.history) {
      const [start, end] = [Date.parse(run.startedAt), Date.parse(run.endedAt)];
      table.append(
        h(
          "tr.link",
          {
            tabindex: "0",
            onclick: () => showRun(run.runId),
            onkeydown: (event) => event.key === "Enter" && showRun(run.runId),
          },
          h("td", {}, pill(run.outcome)),
          h("td.num", { title: stamp(start) }, when(start, now())),
          h("td.num", {}, span(end - start)),
          h("td.num", {}, run.attempt),
          h("td.mono.quiet.text", { title: `fencing token ${run.fencingToken}` }, run.node),
        ),
      );
      if (run.error) table.append(h("tr", {}, h("td.text.bad-text", { colspan: "5" }, run.error)));
      if (run.runId === openRun)
        table.append(
          h(
            "tr",
            {},
            h("td", { colspan: "5" }, logLines(openLog, { start, end, runId: run.runId, outcome: run.outcome })),
          ),
        );
    }
    put(
      runs,
      h("h2", {}, "Last runs, on any node"),
      status.history.length > 0 ? table : h("div.quiet", {}, "None yet."),
    );
  }

  function drawSteps({ steps: taken }) {
    put(
      steps,
      h("h2", {}, "Events since you opened this"),
      taken.length === 0
        ? h("div.quiet", {}, "None yet.")
        : h(
            "table.steps",
            {},
            taken
              .slice(0, 14)
              .map((step) =>
                h(
                  "tr",
                  { title: JSON.stringify(step.detail) },
                  h("td.num.quiet", {}, clock(step.at)),
                  h("td.mono", {}, step.event),
                  h("td", {}, step.from === step.to ? step.to : `${step.from} → ${step.to}`),
                ),
              ),
          ),
    );
  }

  return {
    shown: () => name,
    show(next) {
      name = next;
      chart = latest = undefined;
      openRun = "";
      if (name === "") {
        box.remove();
        return;
      }
      put(head, h("h1", {}, name));
      for (const part of [facts, alerts, chartBox, running, why, runs, steps, context]) put(part);
      parent.append(box);
      box.scrollTop = 0;
      void loadChart(name);
    },
    update(detail) {
      if (detail.name !== name) return;
      if (detail.gone) {
        put(head, h("h1", {}, name), pill("gone"), h("button.icon.close", { type: "button", onclick: onClose }, "×"));
        return;
      }
      latest = detail;
      drawHead(detail);
      drawAlerts(detail);
      drawFacts(detail);
      drawRunning(detail);
      drawWhy(detail);
      drawRuns(detail);
      drawSteps(detail);
      put(context, h("h2", {}, "Context"), h("pre", {}, JSON.stringify(detail.context, null, 2)));
      if (chart) drawChart(chartBox, chart, detail);
    },
  };
}

function logLines(log, { start, end, runId, outcome }) {
  const line = (at, level, ...content) =>
    h("div", { class: level }, h("span.at", {}, clock(at)), h("span", {}, ...content));
  return h(
    "div.log",
    { "data-run": runId },
    line(start, "", h("span.mark", {}, "START"), ` run ${runId}`),
    log?.dropped > 0 && h("div.quiet", {}, `… ${log.dropped} earlier lines are not kept`),
    (log?.lines ?? []).map(({ at, level, message, fields }) =>
      line(at, level, message, fields && h("span.quiet", {}, ` ${JSON.stringify(fields)}`)),
    ),
    end !== undefined &&
      line(end, "", h("span.mark", {}, outcome === "succeeded" ? "FINISHED" : outcome), ` after ${span(end - start)}`),
  );
}
