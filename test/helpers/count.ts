// Loaded before a test file by the runner. Reports on descriptor 3 what uvu itself lets pass in silence.
import nodeAssert = require("node:assert");
import { writeSync } from "node:fs";
import uvu = require("uvu");
import uvuAssert = require("uvu/assert");

/** What the preload tells the runner, one JSON line each. */
export type Note =
  | { type: "suite"; passed: number; total: number; skipped: number; explained: boolean }
  | { type: "hook"; error: string }
  | { type: "hanging"; after: "tests" | "limit"; test: string; handles: string[] }
  | { type: "end"; registered: number; only: number; suites: number; finished: number; asserted: boolean };

type Handler = (state: unknown) => unknown;
type Register = (name: string, handler: Handler) => void;
type Hook = ((handler: Handler) => void) & { each: (handler: Handler) => void };
type Suite = Register & { before: Hook; after: Hook; only: Register; skip: () => void; run: () => void };
type SuiteRun = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;

const { limit, grace } = JSON.parse(process.env["OSTINATO_TEST"] ?? "{}") as { limit: number; grace: number };
delete process.env["OSTINATO_TEST"];

// Taken now: tests may put their own in place of the global ones.
const { setTimeout } = globalThis;
const queue = (globalThis as unknown as { UVU_QUEUE: (SuiteRun | null)[][] }).UVU_QUEUE;

let registered = 0;
let only = 0;
let suites = 0;
let finished = 0;
let assertions = 0;
let current = "";

function tell(note: Note): void {
  writeSync(3, `${JSON.stringify(note)}\n`);
}

function activeHandles(): string[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles: () => object[] };
  const stdio: object[] = [process.stdout, process.stderr, process.stdin];
  const named = handles
    .call(process)
    .filter((handle) => !stdio.includes(handle))
    .map((handle) => {
      const { pid, remoteAddress, remotePort, address } = handle as {
        pid?: number;
        remoteAddress?: string;
        remotePort?: number;
        address?: () => unknown;
      };
      const detail =
        pid !== undefined
          ? ` pid ${pid}`
          : remoteAddress !== undefined
            ? ` to ${remoteAddress}:${String(remotePort)}`
            : address !== undefined
              ? ` ${JSON.stringify(address.call(handle))}`
              : "";
      return `${handle.constructor.name}${detail}`;
    });
  const timers = process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name));
  return [...named, ...timers];
}

function watched(run: SuiteRun): SuiteRun {
  return async () => {
    const result = await run();
    const [errors, passed, skipped, total] = result;
    finished += 1;
    tell({ type: "suite", passed, total, skipped, explained: errors !== true });
    if (finished === suites) {
      setTimeout(() => {
        tell({ type: "hanging", after: "tests", test: "", handles: activeHandles() });
        process.exit(1);
      }, grace).unref();
    }
    return result;
  };
}

function observeHook(hook: (handler: Handler) => void): (handler: Handler) => void {
  return (handler) => {
    hook(async (state) => {
      try {
        await handler(state);
      } catch (error) {
        tell({ type: "hook", error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
        throw error;
      }
    });
  };
}

function observe(suite: Suite): Suite {
  const named =
    (register: Register): Register =>
    (name, handler) => {
      registered += 1;
      register(name, async (state) => {
        current = name;
        await handler(state);
        current = "";
      });
    };
  return Object.assign(named(suite), {
    before: Object.assign(observeHook(suite.before), { each: observeHook(suite.before.each) }),
    after: Object.assign(observeHook(suite.after), { each: observeHook(suite.after.each) }),
    only: (name: string, handler: Handler) => {
      only += 1;
      suite.only(name, handler);
    },
    skip: () => suite.skip(),
    run: () => {
      suite.run();
      suites += 1;
      const group = queue[0]!;
      group.push(watched(group.pop() as SuiteRun));
    },
  });
}

function countCalls(module: object): void {
  for (const [name, value] of Object.entries(module)) {
    // Classes (AssertionError) are left as they are.
    if (typeof value !== "function" || /^[A-Z]/.test(name) || name === "strict") continue;
    const original = value as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]): unknown => {
      assertions += 1;
      return original(...args);
    };
    (module as Record<string, unknown>)[name] = Object.assign(counted, original);
  }
}

const exported = uvu as unknown as { test: Suite; suite: (name?: string, state?: object) => Suite };
const { suite } = exported;
exported.test = observe(exported.test);
exported.suite = (name, state) => observe(suite(name, state));
countCalls(uvuAssert);
countCalls(nodeAssert);
countCalls(nodeAssert.strict);

if (limit > 0) {
  // A little before the runner's kill, so that there is still somebody to say what it waits for.
  setTimeout(
    () => {
      tell({ type: "hanging", after: "limit", test: current, handles: activeHandles() });
    },
    Math.max(limit - 1000, limit / 2),
  ).unref();
}

process.on("exit", () => {
  const asserted = assertions > 0 || Object.keys(require.cache).some((path) => /node_modules\/fast-check\//.test(path));
  tell({ type: "end", registered, only, suites, finished, asserted });
});
