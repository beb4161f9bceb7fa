import type { NatsLink } from "./nats-link";

/** Who can read what this user is sent, and the other way round. */
export interface InboxExamination {
  /** What the inboxes of this user begin with. */
  readonly prefix: string;
  /** Whether the server tells users apart at all. */
  readonly hasUsers: boolean;
  /** This user may subscribe to the inboxes of everybody who has chosen no prefix. */
  readonly readsOthers: boolean;
}

const everybody = "_INBOX.>";

export async function examineInboxes(link: NatsLink): Promise<InboxExamination> {
  const prefix = link.settings.connection.inboxPrefix ?? "_INBOX";
  let isRefused = false;
  const reception = link.receive(
    () => undefined,
    () => (isRefused = true),
    everybody,
  );
  // The server refuses a subscription before it answers what comes after it.
  await link.flush();
  reception.end();
  return { prefix, hasUsers: link.hasUsers, readsOthers: !isRefused };
}
