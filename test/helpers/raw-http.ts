import { connect } from "node:net";

export interface Answer {
  /** Of the first answer that is none on the way (100 Continue); 0 when the connection was ended without one. */
  readonly status: number;
  readonly body: string;
  /** All that came back. */
  readonly text: string;
}

/**
 * Sends bytes as they are to a port of the loopback, and reads until the server ends the connection, or, with
 * `quietAfter`, until it has said nothing for so many milliseconds: it may wait for a rest that never comes.
 */
export function request(port: number, bytes: string | Buffer, quietAfter = 0): Promise<Answer> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(quietAfter, () => socket.destroy());
    socket.on("data", (part: Buffer) => (text += part.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      const status = Number(/^HTTP\/1\.1 ([2-9]\d{2})/m.exec(text)?.[1] ?? 0);
      resolve({ status, text, body: text.slice(text.indexOf("\r\n\r\n") + 4) });
    });
  });
}
