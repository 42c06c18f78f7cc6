/** An answer of a composed route with its own headers and body. */
export class CustomAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: string) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/**
 * Makes an answer that is not JSON, for a composed route.
 * @example
 * answer(svg, { 'content-type': 'image/svg+xml' })
 */
export const answer = (body: string, headers: Readonly<Record<string, string>>, status = 200): CustomAnswer =>
  new CustomAnswer(status, headers, body);

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The server alone decides where an answer ends and whether its connection stays open. */
const SERVERS_OWN = new Set(['connection', 'content-length', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** Says why an answer cannot be sent. A header with a line end in it could become two headers, or a second answer. */
export function answerProblem({ status, headers, body }: CustomAnswer): string | undefined {
  if (!Number.isInteger(status) || status < 200 || status > 599) return `${status} is not a status between 200 and 599`;
  if (typeof body !== 'string') return 'its body is not text';
  for (const [name, value] of Object.entries(headers)) {
    if (!NAME.test(name)) return `${JSON.stringify(name)} is not the name of a header`;
    if (SERVERS_OWN.has(name.toLowerCase())) return `the header ${name} is set by the server`;
    if (typeof value !== 'string' || !VALUE.test(value))
      return `the header ${name} holds characters that no header may have; encode its value`;
  }
  return undefined;
}
