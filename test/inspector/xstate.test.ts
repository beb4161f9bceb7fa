import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createRuntime, interval } from "ostinato";
import { taskMachine } from "ostinato/machines";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { WebSocketServer } from "ws";

interface Frame {
  type: "@xstate.actor" | "@xstate.event" | "@xstate.snapshot";
  name?: string;
  definition?: string;
  sessionId: string;
  parentId?: string;
  event?: { type: string };
  snapshot?: { value?: string };
}

test("the WebSocket receiver of @statelyai/inspect gets actors with their definitions, events and snapshots", async () => {
  const { createWebSocketInspector, createWebSocketReceiver } = await import("@statelyai/inspect");
  // Passes on what one client sends to all others, as the server of that package does.
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) =>
    socket.on("message", (data) => {
      for (const client of server.clients) if (client !== socket) client.send((data as Buffer).toString());
    }),
  );
  const url = `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  const frames: Frame[] = [];
  let seen = (): void => undefined;
  const receiver = createWebSocketReceiver({ server: url });
  await once(server, "connection");
  receiver.subscribe((frame: unknown) => {
    frames.push(frame as Frame);
    seen();
  });
  const inspector = createWebSocketInspector({ url });
  const runtime = createRuntime({ logger: pino({ level: "silent" }), inspect: inspector.inspect });
  runtime.supervise({
    name: "branch",
    children: [{ name: "backup", schedule: interval("1h"), run: () => undefined }],
  });
  await runtime.start();

  const until = async (wanted: (frame: Frame) => boolean): Promise<Frame> => {
    for (;;) {
      const found = frames.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (seen = resolve));
    }
  };
  const actor = async (name: string): Promise<Frame> =>
    until((frame) => frame.type === "@xstate.actor" && frame.name === name);
  const [root, branch, backup] = [await actor("root"), await actor("branch"), await actor("backup")];
  assert.is(branch.parentId, root.sessionId);
  assert.is(backup.parentId, branch.sessionId);
  const definition = JSON.parse(backup.definition!) as { id: string; states: Record<string, unknown> };
  assert.is(definition.id, "task");
  assert.equal(Object.keys(definition.states).sort(), Object.keys(taskMachine.states).sort());
  await until(({ type, sessionId, event }) => {
    return type === "@xstate.event" && sessionId === backup.sessionId && event?.type === "START";
  });
  for (const state of ["checking", "running", "idle"]) {
    await until(({ type, sessionId, snapshot }) => {
      return type === "@xstate.snapshot" && sessionId === backup.sessionId && snapshot?.value === state;
    });
  }
  await runtime.stop();
  inspector.stop();
  for (const client of server.clients) client.terminate();
  server.close();
});

test.run();
