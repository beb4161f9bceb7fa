import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(__dirname, "../..");
const running = new Set<ChildProcess>();
test.after(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** An example by its one line, and what it has written. */
function example(file: string) {
  const script = join(root, "examples", file);
  const child = spawn(process.execPath, ["--conditions", "ostinato-source", "-r", "ts-node/register", script], {
    cwd: root,
  });
  running.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exit = once(child, "close").then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return {
    child,
    exit,
    text: () => text,
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const found = pattern.exec(text);
        if (found !== null) return found;
        await Promise.race([
          once(child.stdout, "data"),
          exit.then((code) => Promise.reject(new Error(`ended with ${String(code)}: ${text}`))),
        ]);
      }
    },
  };
}

test("03-one-main serves, consumes and counts in one process, and SIGTERM ends it with 0", async () => {
  const { child, exit, until } = example("03-one-main.ts");
  const [, port] = await until(/port: (\d+)/);
  assert.is((await fetch(`http://127.0.0.1:${port as string}/hello`)).status, 200);
  await until(/"message":"\/hello","msg":"consumed"/);
  await until(/messages wait/);
  child.kill("SIGTERM");
  assert.is(await exit, 0);
});

test("04-healing-tree shows a child of each strategy break and heal, and Ctrl-C ends it with 0", async () => {
  const { child, exit, until, text } = example("04-healing-tree.ts");
  await until(/one_for_one \(one_for_one, restarting\)/);
  await until(/one_for_all first \(finished\)[^]*one_for_all third \(finished\)/);
  await until(/rest_for_one first \(running\)\n.*rest_for_one second \(backoff\)\n.*rest_for_one third \(finished\)/);
  const broken = text().length;
  while (!/rest_for_one \(rest_for_one, supervising\)/.test(text().slice(broken))) await once(child.stdout, "data");
  child.kill("SIGINT");
  assert.is(await exit, 0);
});

test.run();
