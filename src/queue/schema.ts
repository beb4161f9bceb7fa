import { OstinatoError } from "../errors";
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

export function requireSchema(option: string, schema: unknown): StandardSchema {
  const standard = (schema as Partial<StandardSchema> | null)?.["~standard"];
  if (standard?.version !== 1 || typeof standard.validate !== "function") {
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
  const result = await schema["~standard"].validate(payload);
  if (result.issues === undefined) return result.value;
  const told = result.issues.slice(0, issuesTold).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return place === "" ? message : `${place}: ${message}`;
  });
  const more = result.issues.length > issuesTold ? ` (and ${String(result.issues.length - issuesTold)} more)` : "";
  throw new OstinatoError("ERR_INVALID_PAYLOAD", `payload: the schema refuses it: ${told.join("; ")}${more}`);
}
