/** A mistake that others have made, and that the simulator must find. */
export interface Defect {
  readonly what: string;
  /** The simulation that shows it. */
  readonly scenario: 'checkout' | 'bank';
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

export const defects: Readonly<Record<string, Defect>> = {
  'completed-steps-only': {
    what: 'after a failure only the steps that are known to be done are undone',
    scenario: 'bank',
    changes: [{ file: 'saga/compensation.ts', from: "step.state !== 'REJECTED' &&", to: "step.state === 'OK' &&" }],
  },
  'no-tombstone': {
    what: 'an undo that finds nothing leaves nothing behind',
    scenario: 'bank',
    changes: [
      {
        file: 'service/participant.ts',
        from: "if (await raiseFence(tx, step.key, call.compiled.operation.name, 'CANCELLED', step.epoch)) return answer(OK);",
        to: 'if (!(await fenceOf(tx, step.key))) return answer(OK);',
      },
    ],
  },
  'acknowledge-before-commit': {
    what: 'events count as settled before they are handled',
    scenario: 'bank',
    changes: [
      {
        file: 'bus/consumer.ts',
        from: 'await this.#writeClaim(batch, (rest[0] as Delivery).pos - 1, batch.through, 0);',
        to: 'await this.#writeClaim(batch, batch.through, batch.through, 0);',
      },
    ],
  },
  'no-version-check': {
    what: "a saga's row is written without looking who owns it and whether it has changed",
    scenario: 'bank',
    changes: [
      {
        file: 'saga/journal.ts',
        from: 'where id = ? and epoch = ? and version = ? returning cancel_reason',
        to: 'where id = ? and ? is not null and ? is not null returning cancel_reason',
      },
    ],
  },
  'attempts-not-persisted': {
    what: 'how often an undo was tried is forgotten in a crash',
    scenario: 'bank',
    changes: [{ file: 'saga/journal.ts', from: '    step.compAttempt,\n', to: '    0,\n' }],
  },
  'undo-not-deduplicated': {
    what: 'an undo that comes twice is done twice',
    scenario: 'bank',
    changes: [
      {
        file: 'service/participant.ts',
        from: 'switch (fence.state) {',
        to: "switch (fence.state === 'UNDONE' ? 'DONE' : fence.state) {",
      },
    ],
  },
};
