/** An answer of a composed route that is not plain JSON. */
export class Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: string) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** Answers `body` with a content type of its own, as `answer(svg, { 'content-type': 'image/svg+xml' })`. */
export const answer = (body: string, headers: Readonly<Record<string, string>>, status = 200): Answer => new Answer(status, headers, body);
