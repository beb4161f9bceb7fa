import { OstinatoError, toError } from "../errors";
import { read, textOf } from "../foreign";
import { refuse } from "../validate";

/** What is used of the Standard Schema interface (standardschema.dev), version 1. */
export interface StandardSchema<P = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<P> | Promise<SchemaResult<P>>;
  };
}

type SchemaResult<P> =
  | { readonly value: P; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

const issuesTold = 5;
const longestIssue = 500;
const longestPart = 100;

export function requireSchema(option: string, schema: unknown): StandardSchema {
  const standard = read(schema, "~standard");
  if (read(standard, "version") !== 1 || typeof read(standard, "validate") !== "function") {
    refuse(option, "a Standard Schema (zod, valibot, arktype and others make them)", schema);
  }
  return schema as StandardSchema;
}

/**
 * What the schema makes of the payload.
 *
 * @throws OstinatoError ERR_INVALID_PAYLOAD with what is wrong, and where.
 */
export async function applySchema(schema: StandardSchema | undefined, payload: unknown): Promise<unknown> {
  if (schema === undefined) return payload;
  let told: string;
  try {
    const result = await schema["~standard"].validate(payload);
    if (result.issues === undefined) return result.value;
    told = issuesOf(result.issues);
  } catch (thrown) {
    const cause = toError(thrown);
    throw new OstinatoError("ERR_INVALID_PAYLOAD", `payload: the schema threw: ${cause.message}`, { cause });
  }
  throw new OstinatoError("ERR_INVALID_PAYLOAD", `payload: the schema refuses it: ${told}`);
}

function issuesOf(issues: NonNullable<SchemaResult<unknown>["issues"]>): string {
  const told = issues.slice(0, issuesTold).map(({ message, path = [] }) => {
    const place = path.map((part) => textOf(typeof part === "object" ? part.key : part, longestPart)).join(".");
    return place === ""
      ? textOf(message, longestIssue)
      : `${textOf(place, longestIssue)}: ${textOf(message, longestIssue)}`;
  });
  const more = issues.length > issuesTold ? ` (and ${String(issues.length - issuesTold)} more)` : "";
  return told.join("; ") + more;
}
