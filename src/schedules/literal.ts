/** What may stand between the brackets of a schedule as it is written in code. */
export type Literal = string | number | boolean | Date | Literal[] | { [name: string]: Literal };

const tokens =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d[\d_]*(?:\.\d+)?)|(new\s+Date\b|[A-Za-z_]\w*)|([()[\]{}:,]))/y;

/** A call such as `daily({ hour: 12 })`, read without running anything; undefined when the text is none. */
export function readCall(text: string): { name: string; args: Literal[] } | undefined {
  const reader = new Reader(text);
  try {
    const name = reader.take(/^[a-z]+$/);
    reader.take(/^\($/);
    const args = reader.list(")", () => reader.value());
    reader.end();
    return { name, args };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class Reader {
  readonly #tokens: string[] = [];
  #position = 0;

  constructor(text: string) {
    const source = text.trim().replace(/;$/, "").trimEnd();
    tokens.lastIndex = 0;
    while (tokens.lastIndex < source.length) {
      const match = tokens.exec(source);
      if (match === null) {
        this.#tokens.length = 0;
        break;
      }
      this.#tokens.push(match[0].trim());
    }
  }

  take(expected: RegExp): string {
    const token = this.#tokens[this.#position];
    if (token === undefined || !expected.test(token)) throw new SyntaxError();
    this.#position += 1;
    return token;
  }

  end(): void {
    if (this.#position !== this.#tokens.length) throw new SyntaxError();
  }

  /** Items separated by commas, a trailing one allowed, up to the closing bracket. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (this.#tokens[this.#position] !== close) {
      items.push(item());
      if (this.#tokens[this.#position] !== close) this.take(/^,$/);
    }
    this.#position += 1;
    return items;
  }

  value(): Literal {
    const token = this.take(/^(?!\w+$)|^(?:true|false|-?\d[\d_]*)$/);
    if (token === "{") {
      const fields = this.list("}", (): [string, Literal] => {
        const name = this.take(/^(?:[A-Za-z_]\w*|["'].*)$/s);
        this.take(/^:$/);
        return [/^["']/.test(name) ? unquote(name) : name, this.value()];
      });
      return Object.fromEntries(fields);
    }
    if (token === "[") return this.list("]", () => this.value());
    if (/^["']/.test(token)) return unquote(token);
    if (/^-?\d/.test(token)) return Number(token.replaceAll("_", ""));
    if (token === "true" || token === "false") return token === "true";
    if (token.startsWith("new")) {
      this.take(/^\($/);
      const [instant] = this.list(")", () => this.value());
      return new Date(instant as string | number);
    }
    throw new SyntaxError();
  }
}

function unquote(token: string): string {
  if (token.startsWith('"')) return JSON.parse(token) as string;
  return token.slice(1, -1).replace(/\\(.)/g, "$1");
}
