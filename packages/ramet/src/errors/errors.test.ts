import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DeclaredError, ERRORS, problemOf, RametError } from './index.ts';

const source = join(import.meta.dirname, '..');
const document = readFileSync(join(source, '../../../docs/errors.md'), 'utf8');

/** A row of the document's tables: code, status, again, nothing happened, meaning, what to do. */
const documented = [...document.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \| (yes|) ?\| (.+?) \| (.+?) \|$/gm)].map((row) => {
  const [, code = '', status, again, nothing, title, fix] = row;
  return { code, status: Number(status), retryable: again === 'yes', executed: nothing === 'yes' ? 'no' : 'unknown', title, fix };
});

const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[];

/** Codes that no code raises, and why they exist anyway. A code that is raised again must leave this list. */
const NOT_RAISED: Readonly<Record<string, string>> = {
  CompensationAfterPivot: 'begins the reason of a divergence, as text',
};

test('docs/errors.md and the table list the same codes in the same order, with the same texts', () => {
  const inTable = codes.map((code) => {
    const { status, title, fix } = ERRORS[code];
    const { retryable, executed } = new RametError(code);
    return { code, status, retryable, executed, title, fix };
  });
  expect(documented).toEqual(inTable);
});

describe('the table', () => {
  /** Where a code is made an error: by its class, by a class derived from it, or as the code of a fault or refusal. */
  const raised = new Set(
    sourceFiles().flatMap((text) => [...text.matchAll(/(?:RametError\(|super\(|code:)\s*'(\w+)'/g)].map(([, code]) => code as string)),
  );

  test('has no code that nothing raises, except those with a reason', () => {
    expect(codes.filter((code) => !raised.has(code))).toEqual(Object.keys(NOT_RAISED));
  });

  test('says in sentences what to do next, and has only the status codes of errors', () => {
    for (const [code, { title, fix, status }] of Object.entries(ERRORS)) {
      expect(`${code}: ${fix}`).toMatch(/^\w+: [A-Z].+[.`)]$/s);
      expect(`${code}: ${title}`).toMatch(/^\w+: [A-Z].+[^.]$/);
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });

  function sourceFiles(): string[] {
    return readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/\.(test|test-d|conformance|fixture|bench)\.ts$/.test(path))
      .filter((path) => !path.endsWith(join('errors', 'table.ts')))
      .map((path) => readFileSync(join(source, path), 'utf8'));
  }
});

describe('what a client receives', () => {
  test('of a declared failure: everything', () => {
    expect(problemOf(new DeclaredError('OutOfStock', 409, { sku: 'a' }), 'cor_1')).toEqual({
      type: 'urn:ramet:failure:OutOfStock',
      title: 'OutOfStock',
      status: 409,
      code: 'OutOfStock',
      data: { sku: 'a' },
      correlationId: 'cor_1',
    });
  });

  test('of a bad request: the fields, and what to do', () => {
    const error = new RametError('BadRequest', 'the input of orders.place does not fit', {
      issues: [{ path: 'lines', message: 'too few' }],
    });
    expect(problemOf(error)).toMatchObject({
      status: 400,
      detail: 'the input of orders.place does not fit. Correct the fields named in `errors` and send it again.',
      errors: [{ path: 'lines', message: 'too few' }],
    });
  });

  test('of a fault: its code and what to do, and nothing internal', () => {
    const faults = [
      new Error('connect ECONNREFUSED 10.0.0.7:5432'),
      new RametError('Internal', 'orders.place failed', { cause: new Error('secret') }),
      new RametError('InvalidOutput', 'the answer of orders.get does not fit', { issues: [{ path: 'total', message: 'not a number' }] }),
      'a string',
    ];
    for (const fault of faults) {
      const text = JSON.stringify(problemOf(fault));
      expect(text).not.toMatch(/10\.0\.0\.7|secret|orders\.|a string|not a number/);
      expect(problemOf(fault)).toMatchObject({ status: 500, detail: expect.stringMatching(/\.$/) });
    }
  });

  test('of a fault of any code: no address of a server, and no message', () => {
    for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
      if (ERRORS[code].status < 500) continue;
      const problem = problemOf(new RametError(code, "The store of 'orders' is not available (connect ECONNREFUSED 10.0.0.7:5432)"));
      expect(problem, code).toMatchObject({ status: ERRORS[code].status, detail: ERRORS[code].fix });
    }
    expect(problemOf(new RametError('StoreUnavailable')).detail).not.toMatch(/disk|permission/);
  });
});
